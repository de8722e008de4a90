import { usageError } from "./errors.ts";

const UNIT_MS: ReadonlyMap<string, number> = new Map([
  ["ms", 1],
  ["s", 1000],
  ["m", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
]);

/** `90s`, `10m`, `1h30m`, `250ms`, `2d`; a bare number counts seconds. @throws {CliError} "cli/usage". */
export function parseDuration(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  if (!/^(\d{1,9}(\.\d{1,3})?(ms|s|m|h|d))+$/.test(text)) {
    throw usageError(`Cannot read duration "${text.slice(0, 80)}"`, "write it like 90s, 10m, 1h30m or 2d");
  }
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) {
    total += Number(amount) * (UNIT_MS.get(unit ?? "") ?? 0);
  }
  return Math.round(total);
}
