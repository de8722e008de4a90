import { O_CLOEXEC } from "./constants.ts";
import { withFileErrors } from "./file-error.ts";
import { callKernel, cString } from "./libc.ts";
import { withDirectory } from "./mounts.ts";
import { OwnedFd } from "./owned-fd.ts";

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_SEQPACKET = 5;
const BACKLOG = 8;

/** A stream socket that listens at `name` in `dir`; the length of the directory's path does not matter. */
export function listenUnix(dir: string, name: string): number {
  return withFileErrors(`listen at "${dir}/${name}"`, () => {
    using socket = new OwnedFd(callKernel("socket", [AF_UNIX, SOCK_STREAM | O_CLOEXEC, 0]));
    const address = unixAddress(name);
    withDirectory(dir, () => callKernel("bind", [socket.fd, address, address.byteLength]));
    callKernel("listen", [socket.fd, BACKLOG]);
    return socket.release();
  });
}

/** A socket connected to who listens at `name` in `dir`: a stream, or one that keeps the bounds of what is sent. */
export function connectUnix(dir: string, name: string, kind: "stream" | "packets" = "stream"): number {
  return withFileErrors(`connect to "${dir}/${name}"`, () => {
    const type = kind === "stream" ? SOCK_STREAM : SOCK_SEQPACKET;
    using socket = new OwnedFd(callKernel("socket", [AF_UNIX, type | O_CLOEXEC, 0]));
    const address = unixAddress(name);
    withDirectory(dir, () => callKernel("connect", [socket.fd, address, address.byteLength]));
    return socket.release();
  });
}

/** Two stream sockets connected with each other. */
export function socketPair(): readonly [number, number] {
  const fds = Buffer.alloc(8);
  callKernel("socketpair", [AF_UNIX, SOCK_STREAM | O_CLOEXEC, 0, fds]);
  return [fds.readInt32LE(0), fds.readInt32LE(4)];
}

function unixAddress(name: string): Uint8Array {
  const family = Buffer.alloc(2);
  family.writeUInt16LE(AF_UNIX, 0);
  return Buffer.concat([family, cString(name)]);
}
