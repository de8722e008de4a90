/** Binary multiples with one digit after the point: `512 B`, `1.5 MiB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  for (const unit of ["B", "KiB", "MiB", "GiB"]) {
    if (value < 1024) return unit === "B" ? `${value} B` : `${value.toFixed(1)} ${unit}`;
    value /= 1024;
  }
  return `${value.toFixed(1)} TiB`;
}

/** RFC 3339 without the fraction of a second, or "-" when there is none. */
export function formatTime(timestamp: string | undefined): string {
  return timestamp === undefined ? "-" : timestamp.replace(/\.\d+Z$/, "Z");
}

/** Algorithm and the first 12 characters, enough to name it again. */
export function formatDigest(digest: string): string {
  const [algorithm = "", hex] = digest.split(":");
  return hex === undefined ? digest : `${algorithm}:${hex.slice(0, 12)}`;
}

/** Fingerprint in groups of four, as people compare them. */
export function formatFingerprint(fingerprint: string): string {
  return (fingerprint.match(/.{1,4}/g) ?? []).join(" ");
}

/** Text of others made safe for a terminal: control characters shown, never obeyed. */
export function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, (char) => {
    return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}
