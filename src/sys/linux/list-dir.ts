import { readdirSync } from "node:fs";
import { withFileErrors } from "./file-error.ts";

/** Names in an opened directory (O_PATH is enough), as raw bytes, unsorted. */
export function listDir(dirFd: number): Uint8Array[] {
  return withFileErrors("list an opened directory", () =>
    readdirSync(`/proc/self/fd/${dirFd}`, { encoding: "buffer" }),
  );
}
