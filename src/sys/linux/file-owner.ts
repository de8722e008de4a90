import { readFileSync } from "node:fs";
import { callKernel } from "./libc.ts";
import { capset } from "./process-calls.ts";

/** Who owns the files that are made. */
export interface FileOwner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Runs `work` with this thread's files belonging to `owner`, all its capabilities kept. Needed where the caller's own id
 * means nobody: on mounts that map ids. An overlay goes on acting as whoever mounted it.
 */
export function asFileOwner<T>(owner: FileOwner, work: () => T): T {
  const { effective, permitted, inheritable } = readCapabilities();
  // Both calls return who it was before, and never fail otherwise.
  const gid = callKernel("setfsgid", [owner.gid]);
  const uid = callKernel("setfsuid", [owner.uid]);
  try {
    capset(effective, permitted, inheritable); // what leaving user 0 took away
    return work();
  } finally {
    callKernel("setfsuid", [uid]);
    callKernel("setfsgid", [gid]);
    capset(effective, permitted, inheritable);
  }
}

function readCapabilities(): { readonly effective: bigint; readonly permitted: bigint; readonly inheritable: bigint } {
  const status = readFileSync("/proc/thread-self/status", "utf8");
  const read = (name: string) => BigInt(`0x${new RegExp(`^${name}:\\s*([0-9a-f]+)$`, "m").exec(status)?.[1] ?? "0"}`);
  return { effective: read("CapEff"), permitted: read("CapPrm"), inheritable: read("CapInh") };
}
