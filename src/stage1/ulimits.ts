import type { Ulimit } from "../pod/run-options.ts";
import { SysError } from "../sys/errors.ts";
import { prlimit, setrlimit } from "../sys/linux/process-calls.ts";
import { readProcessLimits } from "../sys/linux/process-limits.ts";
import { readStatusField } from "../sys/linux/process-stat.ts";

const CAP_SYS_RESOURCE = 24n;

/**
 * Limits as this host can set them: without CAP_SYS_RESOURCE no hard limit can be raised, so that what asks for more gets
 * what there is, and is told.
 */
export function settableUlimits(
  ulimits: readonly Ulimit[],
  { app, note }: { readonly app: string; note(text: string): void },
): readonly Ulimit[] {
  if (ulimits.length === 0 || canRaise()) return ulimits;
  return ulimits.map((limit) => {
    const { hard } = prlimit(0, limit.name);
    const most = hard === undefined ? "unlimited" : Number(hard);
    if (numberOf(limit.hard) <= numberOf(most)) return limit;
    note(`resource limit ${limit.name} of app "${app}" is ${most}, not ${limit.hard}: this host allows no more`);
    return { ...limit, hard: most, soft: numberOf(limit.soft) > numberOf(most) ? most : limit.soft };
  });
}

/** A limit as a number that compares. */
function numberOf(limit: Ulimit["soft"]): number {
  return limit === "unlimited" ? Number.POSITIVE_INFINITY : limit;
}

function canRaise(): boolean {
  return ((BigInt(`0x${readStatusField("CapEff") ?? "0"}`) >> CAP_SYS_RESOURCE) & 1n) === 1n;
}

/** Arguments of prlimit(1). */
export function prlimitArgs(ulimits: readonly Ulimit[]): string[] {
  return ulimits.map(({ name, soft, hard }) => `--${name}=${soft}:${hard}`);
}

/** Lines of a unit. Spec: systemd.exec(5), "Process Properties" */
export function renderUlimits(ulimits: readonly Ulimit[] = []): string[] {
  const show = (limit: Ulimit["soft"]) => (limit === "unlimited" ? "infinity" : String(limit));
  return ulimits.map(({ name, soft, hard }) => `Limit${name.toUpperCase()}=${show(soft)}:${show(hard)}`);
}

/** Looks at the limits of another process; what it returns gives them to this one. One that it may not have stays as it is. */
export function takeLimitsOf(pid: number): () => void {
  const limits = readProcessLimits(pid);
  return () => {
    for (const [name, limit] of limits) {
      try {
        setrlimit(name, limit);
      } catch (reason) {
        if (!(reason instanceof SysError && reason.code === "sys/permission")) throw reason;
      }
    }
  };
}
