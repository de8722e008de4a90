import { readFileSync } from "node:fs";
import type { ResourceLimit, RLIMITS } from "./process-calls.ts";

const LABELS: Readonly<Record<keyof typeof RLIMITS, string>> = {
  cpu: "Max cpu time",
  fsize: "Max file size",
  data: "Max data size",
  stack: "Max stack size",
  core: "Max core file size",
  rss: "Max resident set",
  nproc: "Max processes",
  nofile: "Max open files",
  memlock: "Max locked memory",
  as: "Max address space",
  locks: "Max file locks",
  sigpending: "Max pending signals",
  msgqueue: "Max msgqueue size",
  nice: "Max nice priority",
  rtprio: "Max realtime priority",
  rttime: "Max realtime timeout",
};

/**
 * Limits of a process as /proc shows them: asking the kernel takes CAP_SYS_RESOURCE where the process runs as another user.
 * One that cannot be read, also because the process has ended, is left out. Spec: proc_pid_limits(5)
 */
export function readProcessLimits(pid: number): ReadonlyMap<keyof typeof RLIMITS, ResourceLimit> {
  const lines = readFileSync(`/proc/${pid}/limits`, "latin1").split("\n");
  return new Map(
    Object.entries(LABELS).flatMap(([name, label]) => {
      const [, soft, hard] = /^(\d+|unlimited)\s+(\d+|unlimited)/.exec(limitsAfter(lines, label)) ?? [];
      if (soft === undefined || hard === undefined) return [];
      return [[name as keyof typeof RLIMITS, { soft: parseLimit(soft), hard: parseLimit(hard) }] as const];
    }),
  );
}

function limitsAfter(lines: readonly string[], label: string): string {
  return (
    lines
      .find((line) => line.startsWith(`${label} `))
      ?.slice(label.length)
      .trim() ?? ""
  );
}

function parseLimit(text: string): bigint | undefined {
  return text === "unlimited" ? undefined : BigInt(text);
}
