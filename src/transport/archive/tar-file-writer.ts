import { encodeTarHeader, TAR_END, type TarInput, tarPadding } from "../../image/layer/encode-tar.ts";
import type { TempFile } from "../../sys/host.ts";

/** Writes a tar archive member by member, whatever its size; the same members give the same bytes. */
export class TarFileWriter {
  readonly #file: Pick<TempFile, "write">;
  readonly #names = new Set<string>();

  constructor(file: Pick<TempFile, "write">) {
    this.#file = file;
  }

  has(path: string): boolean {
    return this.#names.has(path);
  }

  /** A small member at once; parents are written when they are new. */
  add(path: string, content: Uint8Array | string): void {
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    this.#begin({ path }, bytes.byteLength);
    this.#file.write(bytes);
    this.#file.write(tarPadding(bytes.byteLength));
  }

  /** A member of exactly `sizeBytes`; the stream itself is trusted to have that length. */
  async addStream(
    path: string,
    sizeBytes: number,
    chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ): Promise<void> {
    this.#begin({ path }, sizeBytes);
    for await (const chunk of chunks) this.#file.write(chunk);
    this.#file.write(tarPadding(sizeBytes));
  }

  /** The same for content that is at hand. */
  addChunks(path: string, sizeBytes: number, chunks: Iterable<Uint8Array>): void {
    this.#begin({ path }, sizeBytes);
    for (const chunk of chunks) this.#file.write(chunk);
    this.#file.write(tarPadding(sizeBytes));
  }

  end(): void {
    this.#file.write(TAR_END);
  }

  #begin(entry: TarInput & { readonly path: string }, sizeBytes: number): void {
    const parts = entry.path.split("/");
    for (let depth = 1; depth < parts.length; depth++) {
      const dir = `${parts.slice(0, depth).join("/")}/`;
      if (this.#names.has(dir)) continue;
      this.#names.add(dir);
      this.#file.write(encodeTarHeader({ path: dir, kind: "dir" }, 0));
    }
    this.#names.add(entry.path);
    this.#file.write(encodeTarHeader(entry, sizeBytes));
  }
}
