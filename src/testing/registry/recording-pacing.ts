/** Pacing that never waits and remembers how long it was asked to. */
export interface RecordingPacing {
  readonly delaysMs: number[];
  sleep(ms: number): Promise<void>;
  jitter(): number;
}

/** Fits where transport wants its pacing; jitter is always a half. */
export function createRecordingPacing(): RecordingPacing {
  const delaysMs: number[] = [];
  return {
    delaysMs,
    sleep: async (ms) => void delaysMs.push(ms),
    jitter: () => 0.5,
  };
}
