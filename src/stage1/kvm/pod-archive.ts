import type { PodManifest } from "../../pod/manifest.ts";
import { AT_FDCWD, AT_SYMLINK_NOFOLLOW, S_IFDIR, S_IFMT, S_IFREG } from "../../sys/linux/constants.ts";
import { openFiles } from "../../sys/linux/files.ts";
import { fstatat } from "../../sys/linux/fs-calls.ts";
import type { CpioEntry } from "./encode-cpio.ts";

/** Device nodes of an app: number, as on every Linux. Spec: Linux, admin-guide/devices.txt */
const DEVICES: readonly (readonly [string, number, number])[] = [
  ["null", 1, 3],
  ["zero", 1, 5],
  ["full", 1, 7],
  ["random", 1, 8],
  ["urandom", 1, 9],
  ["tty", 5, 0],
  ["ptmx", 5, 2],
];
const DEVICE_LINKS: readonly (readonly [string, string])[] = [
  ["fd", "/proc/self/fd"],
  ["stdin", "/proc/self/fd/0"],
  ["stdout", "/proc/self/fd/1"],
  ["stderr", "/proc/self/fd/2"],
];

/** Files of an overlay's changes here are mount points, which are empty. */
const MAX_COPY_BYTES = 1024 * 1024;

/** Members of the pod's archive, each directory before what is in it. */
export class PodArchive {
  readonly #entries = new Map<string, CpioEntry>();

  /** Replaces an entry of the same path. */
  add(entry: CpioEntry): void {
    const parts = entry.path.split("/").slice(0, -1);
    for (const index of parts.keys()) {
      const path = parts.slice(0, index + 1).join("/");
      if (!this.#entries.has(path)) this.#entries.set(path, { path, kind: "dir", modeOctal: 0o755 });
    }
    this.#entries.set(entry.path, entry);
  }

  dir(path: string, modeOctal = 0o755, owner: { readonly uid?: number; readonly gid?: number } = {}): void {
    this.add({ path, kind: "dir", modeOctal, ...owner });
  }

  file(path: string, content: string, modeOctal = 0o644): void {
    this.add({ path, kind: "file", modeOctal, content });
  }

  /** The directory `from` of this host with what is in it: directories and small files, as an overlay's changes are here. */
  tree(path: string, from: string): void {
    const { mode, uid, gid } = fstatat(AT_FDCWD, from, AT_SYMLINK_NOFOLLOW);
    const modeOctal = mode & 0o7777;
    if ((mode & S_IFMT) === S_IFREG)
      this.add({
        path,
        kind: "file",
        modeOctal,
        uid,
        gid,
        content: openFiles("/").readBytes(from.slice(1), MAX_COPY_BYTES),
      });
    if ((mode & S_IFMT) !== S_IFDIR) return;
    this.add({ path, kind: "dir", modeOctal, uid, gid });
    for (const name of openFiles(from).list("")) this.tree(`${path}/${name}`, `${from}/${name}`);
  }

  get entries(): readonly CpioEntry[] {
    return [...this.#entries.values()];
  }
}

/** The apps' own /dev: what they may use, whatever the guest has. */
export function addDevices(archive: PodArchive, at: string): void {
  for (const [name, devMajor, devMinor] of DEVICES)
    archive.add({ path: `${at}/${name}`, kind: "char", modeOctal: 0o666, devMajor, devMinor });
  for (const [name, content] of DEVICE_LINKS)
    archive.add({ path: `${at}/${name}`, kind: "symlink", modeOctal: 0o777, content });
  for (const dir of ["pts", "shm"]) archive.dir(`${at}/${dir}`);
}

/** Directories of empty volumes, with the owner and mode asked for. */
export function addEmptyVolumes(archive: PodArchive, manifest: PodManifest, at: string): void {
  for (const volume of manifest.volumes)
    if (volume.kind === "empty")
      archive.dir(`${at}/${volume.name}`, volume.modeOctal, { uid: volume.uid, gid: volume.gid });
}
