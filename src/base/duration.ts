import { BaseError } from "./base-error.ts";

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/**
 * Milliseconds of a duration such as `500ms`, `30m`, `1h30m`, `1d`; every number has a unit (ms, s, m, h, d, w), but for a lone `0`.
 * @throws {BaseError} "base/bad-duration"
 */
export function parseDuration(text: string): number {
  if (text === "0") return 0;
  const isWhole = text.length <= 64 && /^(\d+(\.\d+)?(ms|s|m|h|d|w))+$/.test(text);
  let totalMs = isWhole ? 0 : Number.NaN;
  for (const [, amount, unit] of text.matchAll(/([\d.]+)(ms|s|m|h|d|w)/g))
    totalMs += Number(amount) * (UNIT_MS[unit ?? ""] ?? 0);
  if (Number.isFinite(totalMs) && totalMs <= Number.MAX_SAFE_INTEGER) return Math.round(totalMs);
  throw new BaseError("base/bad-duration", `Cannot parse duration ${JSON.stringify(text.slice(0, 64))}`, {
    hint: "write a number and a unit, like 500ms, 30m, 24h or 1d",
  });
}
