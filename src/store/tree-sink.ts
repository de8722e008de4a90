import type { TarHandler } from "../image/layer/tar-reader.ts";
import { AT_FDCWD, O_DIRECTORY, O_PATH } from "../sys/linux/constants.ts";
import { openat2 } from "../sys/linux/fs-calls.ts";
import { OwnedFd } from "../sys/linux/owned-fd.ts";
import { LayerTree } from "./layer-tree.ts";
import { LayerWriter } from "./layer-writer.ts";
import { LowerLayers } from "./lower-layers.ts";

/** A directory that the members of an archive are written into. */
export interface TreeSink extends Disposable {
  readonly handler: TarHandler;
  /** After the last member. */
  finish(): void;
}

/**
 * Opens an empty directory for what `packTree` wrote; it becomes an overlay's upper directory. Every path is resolved
 * beneath it, whatever the archive says. What later members replace goes to `trash`, a directory of the same file system
 * that the caller removes.
 */
export function openTreeSink(dir: string, trash: string): TreeSink {
  using guard = new DisposableStack();
  const lower = guard.use(new LowerLayers([]));
  const tree = guard.use(new LayerTree(dir, lower));
  const trashDir = guard.use(new OwnedFd(openat2(AT_FDCWD, trash, { flags: O_PATH | O_DIRECTORY })));
  const writer = guard.use(new LayerWriter(tree, { trash: () => trashDir.fd, writesBack: false }));
  const held = guard.move();
  return { handler: writer, finish: () => writer.setDirTimes(), [Symbol.dispose]: () => held.dispose() };
}
