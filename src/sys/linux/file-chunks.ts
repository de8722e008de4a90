import { closeSync, openSync, readSync } from "node:fs";
import { fileError } from "./file-error.ts";

const CHUNK_BYTES = 1024 * 1024;

/** Contents of a file by absolute path, in chunks; each call starts anew. @throws {SysError} */
export async function* readFileChunks(path: string): AsyncGenerator<Uint8Array> {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch (reason) {
    throw fileError(reason, `read "${path}"`);
  }
  try {
    for (;;) {
      const buffer = new Uint8Array(CHUNK_BYTES);
      const got = readSync(fd, buffer);
      if (got === 0) return;
      yield buffer.subarray(0, got);
    }
  } finally {
    closeSync(fd);
  }
}
