/** An amount of a resource in thousandths of its base unit (bytes, cores), rounded up. */
export type MilliQuantity = bigint;

const FORM = /^([+-]?)(\d*)(?:\.(\d*))?(?:([eE])([+-]?\d{1,2})|([numkKMGTPE]|[KMGTPE]i)?)$/;
const DECIMAL: ReadonlyMap<string, number> = new Map([
  ["n", -9],
  ["u", -6],
  ["m", -3],
  ["", 0],
  ["k", 3],
  ["K", 3],
  ["M", 6],
  ["G", 9],
  ["T", 12],
  ["P", 15],
  ["E", 18],
]);
const BINARY = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
const MAX_DIGITS = 30;

/**
 * Parses `500m`, `1.5G`, `64Mi`, `1e3`; undefined when it is no quantity, negative, or above 2^63 base units.
 * Spec: appc 0.8.11, ace.md "Resource Isolators"; schema/types/resource/quantity.go for the forms.
 */
export function parseQuantity(text: string): MilliQuantity | undefined {
  const [, sign, whole = "", fraction = "", e, exponent, suffix = ""] = FORM.exec(text) ?? [];
  if (sign === undefined || whole + fraction === "" || whole.length + fraction.length > MAX_DIGITS) return undefined;
  const digits = BigInt(whole + fraction);
  if (sign === "-" && digits !== 0n) return undefined;
  const binary = BINARY.indexOf(suffix);
  const power = e === undefined ? (DECIMAL.get(suffix) ?? 0) : Number(exponent);
  const scaled = binary < 0 ? digits : digits * 1024n ** BigInt(binary + 1);
  const shift = power + 3 - fraction.length;
  const milli = shift >= 0 ? scaled * 10n ** BigInt(shift) : divideUp(scaled, 10n ** BigInt(-shift));
  return milli > 2n ** 63n * 1000n ? undefined : milli;
}

function divideUp(value: bigint, by: bigint): bigint {
  return (value + by - 1n) / by;
}
