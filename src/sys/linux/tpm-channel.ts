import { SysError } from "../errors.ts";
import * as k from "./constants.ts";
import { fileError } from "./file-error.ts";
import { openat2, read, write } from "./fs-calls.ts";
import { callKernel } from "./libc.ts";
import { OwnedFd } from "./owned-fd.ts";
import { pollReadable } from "./process-calls.ts";

/** A connection to a TPM that takes one command at a time. Blocks the thread: an answer is due before anything else. */
export interface TpmChannel extends Disposable {
  /** @throws {SysError} "sys/timeout" when no answer comes; the channel is of no use then */
  transmit(command: Uint8Array, timeoutMs: number): Uint8Array;
}

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;
const O_NONBLOCK = 0o4000;
const MAX_PATH_BYTES = 107;
/** No TPM answers with more. Spec: TPM 2.0 Library, TPM_PT_MAX_RESPONSE_SIZE. */
const MAX_RESPONSE_BYTES = 4096;
const HEADER_BYTES = 10;

/**
 * Opens a character device (`/dev/tpmrm0`) or a unix stream socket that speaks the same bytes (a software TPM).
 * @throws {SysError} "sys/not-found", "sys/permission", "sys/errno" with EBUSY while somebody else has `/dev/tpm0`
 */
export function openTpmChannel(path: string, kind: "device" | "socket"): TpmChannel {
  try {
    return kind === "device" ? openDevice(path) : openSocket(path);
  } catch (reason) {
    throw fileError(reason, `open TPM "${path}"`);
  }
}

function openDevice(path: string): TpmChannel {
  const file = new OwnedFd(openat2(k.AT_FDCWD, path, { flags: k.O_RDWR | O_NONBLOCK }));
  return {
    transmit(command, timeoutMs) {
      write(file.fd, command);
      waitFor(file.fd, path, timeoutMs);
      const buffer = new Uint8Array(MAX_RESPONSE_BYTES);
      return buffer.subarray(0, read(file.fd, buffer)); // the driver gives an answer whole, and only once
    },
    [Symbol.dispose]: () => file[Symbol.dispose](),
  };
}

function openSocket(path: string): TpmChannel {
  const name = new TextEncoder().encode(path);
  if (name.byteLength > MAX_PATH_BYTES) {
    throw new SysError("sys/bad-path", `Cannot open TPM "${path}": the path is too long for a socket`, {
      hint: `use one of at most ${MAX_PATH_BYTES} bytes`,
    });
  }
  const address = Buffer.alloc(2 + name.byteLength + 1);
  address.writeUInt16LE(AF_UNIX, 0);
  address.set(name, 2);
  const socket = new OwnedFd(callKernel("socket", [AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0]));
  try {
    callKernel("connect", [socket.fd, address, address.byteLength], path);
  } catch (reason) {
    socket[Symbol.dispose]();
    throw reason;
  }
  return {
    transmit(command, timeoutMs) {
      write(socket.fd, command);
      const header = readExactly(socket.fd, HEADER_BYTES, { path, timeoutMs });
      const sizeBytes = Buffer.from(header).readUInt32BE(2);
      if (sizeBytes < HEADER_BYTES || sizeBytes > MAX_RESPONSE_BYTES) throw noAnswer(path, "it is malformed");
      const rest = readExactly(socket.fd, sizeBytes - HEADER_BYTES, { path, timeoutMs });
      return Buffer.concat([header, rest]);
    },
    [Symbol.dispose]: () => socket[Symbol.dispose](),
  };
}

function readExactly(
  fd: number,
  sizeBytes: number,
  { path, timeoutMs }: { readonly path: string; readonly timeoutMs: number },
): Uint8Array {
  const buffer = new Uint8Array(sizeBytes);
  for (let filled = 0; filled < sizeBytes; ) {
    waitFor(fd, path, timeoutMs);
    const count = read(fd, buffer.subarray(filled));
    if (count === 0) throw noAnswer(path, "the connection was closed");
    filled += count;
  }
  return buffer;
}

function waitFor(fd: number, path: string, timeoutMs: number): void {
  if (!pollReadable(fd, timeoutMs)) throw noAnswer(path, `none came within ${timeoutMs} ms`);
}

function noAnswer(path: string, why: string): SysError {
  return new SysError("sys/timeout", `Cannot get an answer from TPM "${path}": ${why}`, {
    hint: "see whether another program keeps it busy, and try again",
  });
}
