import { read } from "node:fs";
import { fileError } from "./file-error.ts";

/** As read(2), on a thread of its own: for pipes, which have nothing to say for a while. Returns 0 at the end. */
export function readLater(fd: number, into: Uint8Array): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  read(fd, into, 0, into.length, null, (reason, got) => {
    if (reason === null) resolve(got);
    else reject(fileError(reason, "read from a pipe"));
  });
  return promise;
}
