import { readFileSync } from "node:fs";
import { callKernel } from "./libc.ts";
import { geteuid } from "./process-calls.ts";
import { readComm } from "./process-tree.ts";

/** loginuid of a process nobody logged in for. */
const NO_LOGIN = 4294967295;

/** Who started this process, and which boot this is: the circumstances of an audit event. */
export function readCallerFacts() {
  const loginUid = Number(readText("/proc/self/loginuid"));
  const hasLogin = Number.isInteger(loginUid) && loginUid !== NO_LOGIN && readText("/proc/self/loginuid") !== "";
  return {
    monotonicNs,
    bootId: readText("/proc/sys/kernel/random/boot_id"),
    hostname: readText("/proc/sys/kernel/hostname"),
    caller: {
      uid: geteuid(),
      pid: process.ppid,
      command: readComm(process.ppid),
      ...(hasLogin ? { loginUid } : {}),
    },
  };
}

const CLOCK_BOOTTIME = 7;

/** Nanoseconds since boot, sleep included. Bun's own clock counts from the start of the process. */
function monotonicNs(): number {
  const time = Buffer.alloc(16);
  callKernel("clock_gettime", [CLOCK_BOOTTIME, time]);
  return Number(time.readBigInt64LE(0) * 1_000_000_000n + time.readBigInt64LE(8));
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    // A kernel without audit has no loginuid; an event says what is known.
    return "";
  }
}
