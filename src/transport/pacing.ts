/** How retries wait; injected so that tests do not. */
export interface Pacing {
  /** Resolves after `ms`; rejects with the signal's reason when aborted first. */
  sleep(ms: number, options?: { readonly signal?: AbortSignal }): Promise<void>;
  /** A number in [0, 1), spread evenly; keeps many clients from returning in step. */
  jitter(): number;
}

/** Pacing by the real timer; `jitter` comes from the caller because only `sys` may draw random numbers. */
export function createPacing(jitter: () => number): Pacing {
  return { sleep, jitter };
}

function sleep(ms: number, { signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
