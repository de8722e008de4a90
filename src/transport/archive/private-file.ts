import { Readable } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import type { Files, TempFile } from "../../sys/host.ts";
import { TransportError } from "../errors.ts";

/** Largest archive taken, before and after decompression. */
const MAX_ARCHIVE_BYTES = 64 * 1024 ** 3;

/** A private copy that nobody else can change; gone when disposed. */
export interface PrivateFile extends Disposable {
  /** Absolute path, for other programs. */
  readonly path: string;
  readonly sizeBytes: number;
  readAt(offset: number, count: number): Uint8Array;
  chunks(fromByte: number): Iterable<Uint8Array>;
}

/**
 * Copies a stream into a temporary file beneath `temp`. At most 64 GiB.
 * @throws {TransportError} "transport/bad-archive" beyond that; {SysError} when the disk is full; what the stream throws.
 */
export async function copyToPrivateFile(
  temp: Files,
  { chunks, place }: { readonly chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>; readonly place: string },
): Promise<PrivateFile> {
  using guard = new DisposableStack();
  const file = guard.use(temp.createTemp());
  let sizeBytes = 0;
  for await (const chunk of chunks) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > MAX_ARCHIVE_BYTES) {
      throw new TransportError("transport/bad-archive", `Cannot read ${place}: it is larger than 64 GiB`, {
        hint: "use a registry for an image of this size",
      });
    }
    file.write(chunk);
  }
  guard.move();
  return createPrivateFile(temp, file, sizeBytes);
}

/**
 * The file itself, or a decompressed copy of it when it is gzip or zstd.
 * @throws {TransportError} "transport/bad-archive" for a damaged stream.
 */
export async function decompressPrivateFile(
  temp: Files,
  file: PrivateFile,
  place: string,
): Promise<PrivateFile | undefined> {
  const [a, b, c, d] = file.readAt(0, 4);
  const isGzip = a === 0x1f && b === 0x8b;
  const isZstd = a === 0x28 && b === 0xb5 && c === 0x2f && d === 0xfd;
  if (!isGzip && !isZstd) return undefined;
  const plain = Readable.from(file.chunks(0)).pipe(isGzip ? createGunzip() : createZstdDecompress());
  try {
    return await copyToPrivateFile(temp, { chunks: plain as AsyncIterable<Uint8Array>, place });
  } catch (reason) {
    if (!(reason instanceof Error) || !("code" in reason) || String(reason.code).includes("/")) throw reason;
    throw new TransportError("transport/bad-archive", `Cannot decompress ${place}: it is damaged`, {
      hint: "download it again",
      cause: reason,
    });
  }
}

function createPrivateFile(temp: Files, file: TempFile, sizeBytes: number): PrivateFile {
  const rel = file.path.slice(temp.root.length + 1);
  return {
    path: file.path,
    sizeBytes,
    chunks: (fromByte) => temp.readChunks(rel, fromByte),
    readAt(offset, count) {
      const parts: Uint8Array[] = [];
      let got = 0;
      for (const chunk of temp.readChunks(rel, offset)) {
        parts.push(chunk.subarray(0, count - got));
        got += chunk.byteLength;
        if (got >= count) break;
      }
      return Buffer.concat(parts);
    },
    [Symbol.dispose]: () => file[Symbol.dispose](),
  };
}
