import { badArchive } from "../image/layer/bad-archive.ts";
import { type ByteString, fromByteString, showBytes } from "../image/layer/entry-path.ts";
import {
  O_CREAT,
  O_EXCL,
  O_NOFOLLOW,
  O_RDONLY,
  O_WRONLY,
  RESOLVE_BENEATH,
  RESOLVE_NO_SYMLINKS,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
} from "../sys/linux/constants.ts";
import { openat2, read, readlinkat, symlinkat, write } from "../sys/linux/fs-calls.ts";
import { OwnedFd } from "../sys/linux/owned-fd.ts";
import { applyAttributes, type Place, procPath, readAttributes, setModifiedAt } from "./layer-attributes.ts";
import type { LayerTree } from "./layer-tree.ts";
import type { LowerFile } from "./lower-layers.ts";

const COPY_BYTES = 256 * 1024;

/**
 * Copies a file of the lower layers into this one, as overlayfs would before a hard link to it is made: linking across
 * layers is impossible, and applied one after another the layers would share the inode.
 * @returns The directory it is in now, without links.
 * @throws {ImageError} "image/bad-layer" when there is none; {StoreError} "store/needs-parents".
 */
export function copyUp(tree: LayerTree, parent: readonly ByteString[], name: ByteString): readonly ByteString[] {
  const dir = tree.makeDirs(parent);
  const shown = showBytes([...parent, name].join("/"));
  const place = { dirFd: tree.dirFd(dir), name };
  // Links of the lower layers on the way may have led back to a file of this one.
  if (tree.stat(place) !== undefined) return dir;
  const lower = tree.findLower([...dir, name]);
  if (lower === undefined) throw badArchive(`"${shown}" is linked to but neither this layer nor one below has it`);
  const type = lower.stat.mode & S_IFMT;
  if (type === S_IFREG) copyContent(lower, place);
  else if (type === S_IFLNK)
    symlinkat(readlinkat(lower.dirFd, fromByteString(lower.name)), place.dirFd, fromByteString(name));
  else throw badArchive(`"${shown}" is linked to but is neither file nor symbolic link`);
  const attributes = readAttributes(procPath(lower), lower.stat);
  applyAttributes(place, attributes, type === S_IFLNK);
  setModifiedAt(place, attributes.mtimeNs);
  return dir;
}

function copyContent(from: LowerFile, to: Place): void {
  const reading = { flags: O_RDONLY | O_NOFOLLOW, resolve: RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };
  using source = new OwnedFd(openat2(from.dirFd, fromByteString(from.name), reading));
  const writing = { flags: O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, modeOctal: 0o600 };
  using target = new OwnedFd(openat2(to.dirFd, fromByteString(to.name), writing));
  const buffer = new Uint8Array(COPY_BYTES);
  for (let count = read(source.fd, buffer); count > 0; count = read(source.fd, buffer))
    write(target.fd, buffer.subarray(0, count));
}
