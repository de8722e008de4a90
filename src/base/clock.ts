/** Source of wall-clock time, injected so that decisions can be tested at any moment. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  nowMs(): number;
}

/** RFC 3339 UTC text of a wall-clock instant, e.g. `2026-01-02T03:04:05.678Z`. */
export function formatTimestamp(ms: number): string {
  return new Date(ms).toISOString();
}
