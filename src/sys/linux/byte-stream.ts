import { closeSync, createReadStream, openSync, writeSync } from "node:fs";
import { createConnection } from "node:net";
import { AT_FDCWD, O_DIRECTORY, O_PATH } from "./constants.ts";
import { fileError } from "./file-error.ts";
import { openat2 } from "./fs-calls.ts";
import { OwnedFd } from "./owned-fd.ts";

/** Bytes in both directions. */
export interface ByteStream {
  /** What arrives, until the other side ends. */
  chunks(): AsyncIterable<Uint8Array>;
  write(bytes: Uint8Array): void;
  /** Ends both directions at once. */
  close(): void;
}

/** Connects to the socket `name` in `dir`, however long the directory's path is. @throws {SysError} when nobody listens */
export async function connectByteStream(dir: string, name: string): Promise<ByteStream> {
  // Through the directory's descriptor: a socket's path may have no more than 107 bytes.
  using at = new OwnedFd(openat2(AT_FDCWD, dir, { flags: O_PATH | O_DIRECTORY }));
  const socket = createConnection({ path: `${at.procPath}/${name}` });
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", (reason) => reject(fileError(reason, `connect to "${dir}/${name}"`)));
  });
  return {
    chunks: () => socket,
    write: (bytes) => {
      if (!socket.destroyed) socket.write(bytes);
    },
    close: () => socket.destroy(),
  };
}

/** A character device that carries bytes; writing returns when the device has taken them. */
export function openDeviceStream(path: string): ByteStream {
  const fd = openSync(path, "r+");
  return {
    chunks: () => createReadStream("", { fd, autoClose: false }),
    write: (bytes) => {
      for (let at = 0; at < bytes.byteLength; ) at += writeSync(fd, bytes, at);
    },
    close: () => closeSync(fd),
  };
}
