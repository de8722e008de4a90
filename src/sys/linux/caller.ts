import { readFileSync } from "node:fs";
import { geteuid } from "./process-calls.ts";
import { readComm } from "./process-tree.ts";

/** loginuid of a process nobody logged in for. */
const NO_LOGIN = 4294967295;

/** Who started this process, and which boot this is: the circumstances of an audit event. */
export function readCallerFacts() {
  const loginUid = Number(readText("/proc/self/loginuid"));
  const hasLogin = Number.isInteger(loginUid) && loginUid !== NO_LOGIN && readText("/proc/self/loginuid") !== "";
  return {
    monotonicNs: () => Number(process.hrtime.bigint()),
    bootId: readText("/proc/sys/kernel/random/boot_id"),
    caller: {
      uid: geteuid(),
      pid: process.ppid,
      command: readComm(process.ppid),
      ...(hasLogin ? { loginUid } : {}),
    },
  };
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    // A kernel without audit has no loginuid; an event says what is known.
    return "";
  }
}
