import { SysError } from "../errors.ts";
import { AT_FDCWD, MS_NODEV, MS_RDONLY, O_DIRECTORY, O_PATH } from "./constants.ts";
import { fileError } from "./file-error.ts";
import { openat2 } from "./fs-calls.ts";
import { hasErrno } from "./libc.ts";
import { fsconfigCreate, fsconfigString, fsmount, fsopen, mount } from "./mount-calls.ts";
import { attach, pathOf, restrictionBits, withDirectory } from "./mounts.ts";
import { OwnedFd } from "./owned-fd.ts";

/** A union of directories, all absolute paths. */
export interface Overlay {
  /** Topmost first, at most 500. */
  readonly lowers: readonly string[];
  /** Receives changes; without it the union cannot be written. */
  readonly upper?: string;
  /** Empty directory on the file system of `upper`. */
  readonly work?: string;
  readonly target: string | number;
  readonly readOnly?: boolean;
  readonly nodev?: boolean;
}

/** The kernel's OVL_MAX_STACK. */
const MAX_LOWERS = 500;
/** mount(2) reads one page, the closing NUL included. */
const MAX_DATA_BYTES = 4095;

/**
 * Mounts an overlay. Layers are handed to the kernel one by one, so neither their number nor ":" and "," in paths
 * matter; kernels before 6.5 get them relative to their common parent within one page of options.
 * @throws {SysError} "sys/unsupported" when they do not fit there.
 */
export function mountOverlay(overlay: Overlay): void {
  try {
    if (overlay.lowers.length > MAX_LOWERS) throw tooMany(overlay.lowers.length, MAX_LOWERS);
    if (!mountStepwise(overlay)) mountAtOnce(overlay);
  } catch (reason) {
    throw fileError(reason, `mount overlay of ${overlay.lowers.length} layers on "${pathOf(overlay.target)}"`);
  }
}

/** Returns false when this kernel has no "lowerdir+". */
function mountStepwise(overlay: Overlay): boolean {
  try {
    using config = new OwnedFd(fsopen("overlay"));
    for (const lower of overlay.lowers) fsconfigString(config.fd, "lowerdir+", lower);
    if (overlay.upper !== undefined) fsconfigString(config.fd, "upperdir", overlay.upper);
    if (overlay.work !== undefined) fsconfigString(config.fd, "workdir", overlay.work);
    fsconfigCreate(config.fd);
    using made = new OwnedFd(fsmount(config.fd, restrictionBits(overlay)));
    attach(made.fd, overlay.target);
    return true;
  } catch (reason) {
    if (hasErrno(reason, "ENOSYS", "EINVAL")) return false; // EINVAL may be another refusal: mount(2) will repeat it
    throw reason;
  }
}

/** The way of kernels before 6.5. */
export function mountAtOnce(overlay: Overlay): void {
  const base = commonParent(overlay.lowers);
  const lowers = overlay.lowers.map((lower) => escapeLower(lower.slice(base.length + 1)));
  const upper = overlay.upper === undefined ? "" : `,upperdir=${escapeComma(overlay.upper)}`;
  const work = overlay.work === undefined ? "" : `,workdir=${escapeComma(overlay.work)}`;
  const data = `lowerdir=${lowers.join(":")}${upper}${work}`;
  if (Buffer.byteLength(data) > MAX_DATA_BYTES) throw tooMany(overlay.lowers.length, lowers.length - 1);
  const flags = (overlay.readOnly ? MS_RDONLY : 0) | (overlay.nodev ? MS_NODEV : 0);
  // Opened before the working directory changes, so that a relative target keeps its meaning.
  const place =
    typeof overlay.target === "number" ? undefined : openat2(AT_FDCWD, overlay.target, { flags: O_PATH | O_DIRECTORY });
  using owned = new OwnedFd(place ?? -1);
  const target = pathOf(place === undefined ? overlay.target : owned.fd);
  withDirectory(base || "/", () => mount({ source: "overlay", target, fsType: "overlay", flags, data }));
}

function commonParent(paths: readonly string[]): string {
  const [first = "", ...rest] = paths.map((path) => path.slice(0, path.lastIndexOf("/")));
  let parent = first;
  while (!rest.every((other) => other === parent || other.startsWith(`${parent}/`))) {
    parent = parent.slice(0, parent.lastIndexOf("/"));
  }
  return parent;
}

function escapeLower(path: string): string {
  return path.replace(/[\\:,]/g, "\\$&");
}

function escapeComma(path: string): string {
  return path.replace(/[\\,]/g, "\\$&");
}

function tooMany(count: number, limit: number): SysError {
  return new SysError(
    "sys/unsupported",
    `Cannot mount an overlay of ${count} layers: this kernel takes at most ${limit}`,
    {
      hint: "flatten the image, or use Linux 6.5 or newer",
    },
  );
}
