import type { ContentSink } from "../../image/layer/apply-layer.ts";
import type { ReadContent } from "../../image/layer/encode-tree.ts";
import type { Files } from "../../sys/host.ts";

const BUFFER_BYTES = 256 * 1024;

/** Contents of the files of a tree, one after another in a private file. */
export interface ContentSpool extends ContentSink, Disposable {
  readonly read: ReadContent;
}

/** A new spool beneath `temp`; gone when disposed. @throws {SysError} "sys/no-space" while writing. */
export function createContentSpool(temp: Files): ContentSpool {
  const file = temp.createTemp();
  const rel = file.path.slice(temp.root.length + 1);
  const buffer = new Uint8Array(BUFFER_BYTES);
  let [filled, written] = [0, 0];
  /** The part of the file read last: files are mostly wanted in the order they came. */
  let window = { offset: 0, bytes: new Uint8Array() as Uint8Array };
  const flush = (): void => {
    if (filled > 0) file.write(buffer.subarray(0, filled));
    written += filled;
    filled = 0;
  };
  const bytesAt = (offset: number): Uint8Array => {
    if (offset < window.offset || offset >= window.offset + window.bytes.byteLength) {
      const [bytes = new Uint8Array()] = temp.readChunks(rel, offset);
      window = { offset, bytes };
    }
    return window.bytes.subarray(offset - window.offset);
  };
  return {
    get offset() {
      return written + filled;
    },
    write(chunk) {
      if (filled + chunk.byteLength > buffer.byteLength) flush();
      if (chunk.byteLength > buffer.byteLength) {
        file.write(chunk);
        written += chunk.byteLength;
        return;
      }
      buffer.set(chunk, filled);
      filled += chunk.byteLength;
    },
    *read({ offset, sizeBytes }) {
      flush();
      for (let at = offset; at < offset + sizeBytes; ) {
        const bytes = bytesAt(at).slice(0, offset + sizeBytes - at);
        if (bytes.byteLength === 0) return;
        at += bytes.byteLength;
        yield bytes;
      }
    },
    [Symbol.dispose]: () => file[Symbol.dispose](),
  };
}
