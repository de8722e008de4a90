/** One array with the bytes of all parts, in order. */
export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let offset = 0;
  for (const part of parts) {
    out.set(part, offset);
    offset += part.byteLength;
  }
  return out;
}

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

/** Size for people, in binary units with at most one decimal: `0 B`, `1.5 KiB`, `250 MiB`. */
export function formatBytes(sizeBytes: number): string {
  let [value, unit] = [sizeBytes, 0];
  while (value >= 1024 && unit < UNITS.length - 1) [value, unit] = [value / 1024, unit + 1];
  const shown = value >= 100 || Number.isInteger(value) ? value.toFixed(0) : value.toFixed(1);
  return `${shown} ${UNITS[unit] ?? "B"}`;
}

const GATHERED_BYTES = 256 * 1024;

/** The same bytes in chunks of about 256 KiB: whoever hashes or writes them is called less often. */
export function* gatherChunks(chunks: Iterable<Uint8Array>): Iterable<Uint8Array> {
  let buffer = new Uint8Array(GATHERED_BYTES);
  let filled = 0;
  for (const chunk of chunks) {
    if (filled + chunk.byteLength > GATHERED_BYTES) {
      if (filled > 0) yield buffer.subarray(0, filled);
      buffer = new Uint8Array(GATHERED_BYTES);
      filled = 0;
    }
    if (chunk.byteLength > GATHERED_BYTES) yield chunk;
    else {
      buffer.set(chunk, filled);
      filled += chunk.byteLength;
    }
  }
  if (filled > 0) yield buffer.subarray(0, filled);
}
