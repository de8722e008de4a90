import { ImageError } from "../image/errors.ts";
import type { ByteString } from "../image/layer/entry-path.ts";

/** Sum over all directories of path length and what remembering one costs, in bytes. */
const MAX_BYTES = 32 * 1024 * 1024;
const BYTES_PER_ENTRY = 64;

/**
 * Modification times of a layer's directories, to be set when their content is complete. Bounded, since a small hostile
 * layer can hold millions of directories.
 */
export class DirTimes {
  readonly #times = new Map<string, bigint>();
  #bytes = 0;

  /** Remembers, or corrects, the time of a directory. @throws {ImageError} "image/too-large" */
  set(names: readonly ByteString[], mtimeNs: bigint): void {
    const path = names.join("/");
    if (!this.#times.has(path)) this.#bytes += path.length + BYTES_PER_ENTRY;
    if (this.#bytes > MAX_BYTES) {
      throw new ImageError("image/too-large", `Cannot unpack layer: more than ${this.#times.size} directories`, {
        hint: "split the layer if it is meant to hold so many, or give them shorter names",
      });
    }
    this.#times.set(path, mtimeNs);
  }

  /** In the order they were first set. */
  *entries(): Iterable<{ readonly names: readonly ByteString[]; readonly mtimeNs: bigint }> {
    for (const [path, mtimeNs] of this.#times) yield { names: path === "" ? [] : path.split("/"), mtimeNs };
  }
}
