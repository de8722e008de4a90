import { badArchive } from "../image/layer/bad-archive.ts";
import { type ByteString, fromByteString, showBytes, toByteString } from "../image/layer/entry-path.ts";
import { S_IFLNK, S_IFMT } from "../sys/linux/constants.ts";
import { readlinkat } from "../sys/linux/fs-calls.ts";
import { StoreError } from "./errors.ts";
import { type LowerFile, LowerLayers } from "./lower-layers.ts";

/** As many as the kernel follows. */
const MAX_LINKS = 40;

/** A file of the merged tree and its path without links. */
export interface MergedFile {
  readonly names: readonly ByteString[];
  readonly file: LowerFile;
}

/** What an image's root looks like: its unpacked layers seen as one tree, without mounting anything. */
export class MergedTree implements Disposable {
  readonly #layers: LowerLayers;

  /** `dirs`: absolute paths of layer trees, topmost first. */
  constructor(dirs: readonly string[]) {
    this.#layers = new LowerLayers(dirs);
  }

  /** The file at a path without links. */
  find(names: readonly ByteString[]): LowerFile | undefined {
    return this.#layers.find(names);
  }

  /** Names in a directory, sorted. */
  list(names: readonly ByteString[]): readonly ByteString[] {
    return this.#layers.list(names);
  }

  /**
   * What a path means inside the image: links are followed, the last one too, and never lead out of the root.
   * @throws {StoreError} "store/not-found"; {ImageError} "image/bad-layer" for a ring of links.
   */
  resolve(path: string): MergedFile | undefined {
    const done: ByteString[] = [];
    const todo = partsOf(toByteString(new TextEncoder().encode(path))).reverse();
    let links = 0;
    for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
      if (name === "..") {
        done.pop();
        continue;
      }
      const file = this.find([...done, name]);
      if (file === undefined) throw notThere(path);
      if ((file.stat.mode & S_IFMT) !== S_IFLNK) {
        done.push(name);
        continue;
      }
      if (++links > MAX_LINKS) throw badArchive(`"${showBytes(path)}" goes through too many links`);
      const target = toByteString(readlinkat(file.dirFd, fromByteString(file.name)));
      if (target.startsWith("/")) done.length = 0;
      todo.push(...partsOf(target).reverse());
    }
    const file = this.find(done);
    return file === undefined ? undefined : { names: done, file };
  }

  [Symbol.dispose](): void {
    this.#layers[Symbol.dispose]();
  }
}

function partsOf(path: ByteString): ByteString[] {
  return path.split("/").filter((part) => part !== "" && part !== ".");
}

function notThere(path: string): StoreError {
  return new StoreError("store/not-found", `Cannot find "${path.slice(0, 200)}" in the image: there is no such file`, {
    hint: "list what is in the image with: gantry image render IMAGE DIR",
  });
}
