import { AT_EMPTY_PATH } from "../sys/linux/constants.ts";
import { fstatat } from "../sys/linux/fs-calls.ts";
import { currentUmask } from "../sys/linux/process-calls.ts";
import { lgetxattr } from "../sys/linux/xattr-calls.ts";
import type { LayerAttributes } from "./layer-attributes.ts";

const S_ISGID = 0o2000;
/** Hands on permissions to whatever is made in the directory. Spec: acl(5) "OBJECT CREATION AND DEFAULT ACLs". */
const DEFAULT_ACL = "system.posix_acl_default";

/**
 * Which attributes a new file has from the moment it is made, so that nobody needs to set them: most files of most
 * images are root's and have an ordinary mode, and two calls saved on each are a tenth of the work. As soon as a
 * directory of the tree hands on a group or an ACL, nothing is taken for granted any more.
 */
export class Birth {
  readonly #umask: number;
  #isPlain: boolean;

  /** `rootFd`: the directory that becomes the tree's root. */
  constructor(rootFd: number) {
    const { uid, gid, mode } = fstatat(rootFd, new Uint8Array(), AT_EMPTY_PATH);
    const acl = lgetxattr(`/proc/self/fd/${rootFd}/.`, DEFAULT_ACL);
    this.#isPlain = uid === 0 && gid === 0 && (mode & S_ISGID) === 0 && acl === undefined;
    this.#umask = currentUmask();
  }

  /** A directory of the tree has got these attributes: what is made in it may take some of them. */
  noteDir({ gid, modeOctal, xattrs }: LayerAttributes): void {
    if (gid !== 0 || (modeOctal & S_ISGID) !== 0 || xattrs.has(DEFAULT_ACL)) this.#isPlain = false;
  }

  /** Whether a file made with `modeOctal` needs no further call: mode, owner and group are right, and there is nothing else. */
  isEnough({ modeOctal, uid, gid, xattrs }: LayerAttributes): boolean {
    if (!this.#isPlain || uid !== 0 || gid !== 0 || xattrs.size > 0) return false;
    return (modeOctal & ~0o777) === 0 && (modeOctal & this.#umask) === 0;
  }
}
