import { AT_FDCWD, MS_NODEV, MS_NOSUID, O_CLOEXEC, O_RDONLY } from "../sys/linux/constants.ts";
import type { FileOwner } from "../sys/linux/file-owner.ts";
import { openFiles } from "../sys/linux/files.ts";
import { openat2 } from "../sys/linux/fs-calls.ts";
import { mount } from "../sys/linux/mount-calls.ts";
import { bindMount } from "../sys/linux/mounts.ts";
import { OwnedFd } from "../sys/linux/owned-fd.ts";
import { PodError } from "./errors.ts";
import { hostIdOf } from "./id-mappings.ts";
import type { LaunchInput } from "./stage1-contract.ts";

/** Covered in the pod's own mount namespace only; on the host it is an empty directory. */
const PLACE = "/run/gantry/mapped";

/** How files of the host get the ids of a pod's user namespace. */
export class PodIdmap implements Disposable {
  readonly #namespace: OwnedFd;
  /** Who the pod's root is on the host. */
  readonly owner: FileOwner;
  /** File of the user namespace. */
  readonly file: string;

  constructor(file: string, owner: FileOwner) {
    this.#namespace = new OwnedFd(openat2(AT_FDCWD, file, { flags: O_RDONLY | O_CLOEXEC }));
    this.owner = owner;
    this.file = file;
  }

  /** Descriptor of the user namespace, for `bindMount`. */
  get fd(): number {
    return this.#namespace.fd;
  }

  /** A directory that the pod's root can walk to; those above a pod's own directory let nobody but the host's root in. */
  place(rel: string): string {
    return ensureOpenDir(PLACE, rel);
  }

  /** The directory `source` with the pod's ids, at a place. */
  bind(source: string, rel: string): string {
    const target = this.place(rel);
    bindMount({ source, target, idmap: this.fd });
    return target;
  }

  [Symbol.dispose](): void {
    this.#namespace[Symbol.dispose]();
  }
}

/** Call it in the pod's own mount namespace; undefined for a pod with the host's ids. @throws {PodError} "pod/no-idmap" */
export function openPodIdmap(input: LaunchInput): PodIdmap | undefined {
  const { userns, uuid } = input.manifest;
  if (userns === undefined) return undefined;
  if (input.userns === undefined) {
    throw new PodError("pod/no-idmap", `Cannot start pod ${uuid}: its user namespace was not made`, {
      hint: "prepare the pod anew: gantry prepare --userns=auto IMAGE",
    });
  }
  coverPlace();
  const uid = hostIdOf(userns.uidMappings, 0) ?? 0;
  const gid = hostIdOf(userns.gidMappings, 0) ?? 0; // both are there: `assertIdMappings`
  return new PodIdmap(input.userns.user, { uid, gid });
}

/** For runtimes that begin in the app's root as they know it, in another mount namespace: the directory, empty. */
export function placeDirectory(rel: string): void {
  coverPlace();
  ensureOpenDir(PLACE, rel);
}

function coverPlace(): void {
  ensureOpenDir("/run", PLACE.slice("/run/".length));
  mount({ source: "mapped", target: PLACE, fsType: "tmpfs", flags: MS_NOSUID | MS_NODEV, data: "mode=711,size=1m" });
}

/** Every directory on the way lets everybody pass, whatever the umask. */
function ensureOpenDir(base: string, rel: string): string {
  const files = openFiles(base);
  const names = rel.split("/");
  for (const at of names.keys()) files.ensureDir(names.slice(0, at + 1).join("/"), 0o755);
  return files.path(rel);
}
