import type { AppLimits } from "../../pod/limits.ts";
import { usageError } from "../errors.ts";
import type { FlagSpecs } from "../flag-spec.ts";

const UNITS: ReadonlyMap<string, number> = new Map([
  ["", 1],
  ["b", 1],
  ["k", 1024],
  ["m", 1024 ** 2],
  ["g", 1024 ** 3],
  ["t", 1024 ** 4],
]);

/** Flags that limit one app, as `run`, `prepare` and `update` know them. */
export const LIMIT_FLAGS = {
  memory: {
    type: "string",
    perApp: true,
    short: "m",
    placeholder: "SIZE",
    help: "Memory the app may use at most, such as 512m or 2g",
  },
  cpus: { type: "string", perApp: true, placeholder: "NUMBER", help: "Processor time in cores, such as 1.5" },
  "pids-limit": { type: "integer", perApp: true, placeholder: "N", help: "Processes and threads at most" },
} as const satisfies FlagSpecs;

/** Limits as typed; undefined when there are none. @throws {CliError} "cli/usage" */
export function parseLimits(typed: {
  readonly memory: string | undefined;
  readonly cpus: string | undefined;
  readonly pids: string | number | undefined;
}): AppLimits | undefined {
  const limits = {
    ...(typed.memory === undefined
      ? {}
      : { memoryBytes: parseSize(typed.memory, { what: "memory limit", leastBytes: 512 * 1024 }) }),
    ...(typed.cpus === undefined ? {} : { cpuMillis: parseCpus(typed.cpus) }),
    ...(typed.pids === undefined ? {} : { pids: parsePids(String(typed.pids)) }),
  };
  return Object.keys(limits).length === 0 ? undefined : limits;
}

/** `512m`, `2g`, `1.5GiB`, or a number of bytes. @throws {CliError} "cli/usage" */
export function parseSize(
  text: string,
  { what, leastBytes }: { readonly what: string; readonly leastBytes: number },
): number {
  const [, amount, unit = ""] = /^(\d{1,12}(?:\.\d{1,3})?)([bkmgt]?)(?:i?b)?$/i.exec(text.trim()) ?? [];
  const factor = UNITS.get(unit.toLowerCase());
  const bytes = amount === undefined || factor === undefined ? Number.NaN : Math.round(Number(amount) * factor);
  if (bytes >= leastBytes && bytes <= Number.MAX_SAFE_INTEGER) return bytes;
  throw usageError(
    `Cannot use ${what} "${text.slice(0, 80)}"`,
    `write a size of at least ${leastBytes} bytes, such as 512k, 64m or 2g`,
  );
}

function parseCpus(text: string): number {
  const millis = /^\d{1,5}(\.\d{1,6})?$/.test(text) ? Math.round(Number(text) * 1000) : 0;
  if (millis >= 10) return millis;
  throw usageError(
    `Cannot use processor limit "${text.slice(0, 80)}"`,
    "write a number of cores from 0.01 on, such as 1.5",
  );
}

function parsePids(text: string): number {
  const pids = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (pids >= 1) return pids;
  throw usageError(`Cannot use process limit "${text.slice(0, 80)}"`, "write a number from 1 on");
}
