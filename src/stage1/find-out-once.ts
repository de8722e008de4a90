import type { Files } from "../sys/host.ts";

const LOCK_FILE = "probe.lock";
const PAUSE_MS = 25;

/**
 * Finds something out and keeps it in `cache`, one call at a time, whichever process makes it: probes at the same time
 * would hold each other up, and take that for an answer. Those who waited take over what was kept.
 */
export async function findOutOnce<T>(
  cache: Files,
  { readKept, find }: { readKept(): T | undefined; find(): Promise<T> },
  options: { readonly signal?: AbortSignal } = {},
): Promise<T> {
  for (;;) {
    const kept = readKept();
    if (kept !== undefined) return kept;
    // Not waited for by the kernel: the holder may be this very process.
    using lock = cache.lock(LOCK_FILE, { kind: "exclusive", wait: false });
    const meanwhile = readKept();
    if (meanwhile !== undefined) return meanwhile;
    if (lock !== undefined) return await find();
    await Bun.sleep(PAUSE_MS);
    options.signal?.throwIfAborted();
  }
}
