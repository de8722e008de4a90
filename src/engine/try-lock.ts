import type { LockedPod, PodLocation } from "../pod/pod-store.ts";
import type { EngineContext } from "./context.ts";

const ATTEMPTS = 20;
const PAUSE_MS = 10;

/**
 * The lock of a pod nobody works on. Looks several times within 0.2 s: a reader that checks whether the lock is held
 * takes it for an instant itself. Undefined when it stays held.
 */
export async function tryLockFor(ctx: EngineContext, location: PodLocation): Promise<LockedPod | undefined> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const pod = ctx.pods.tryLock(location);
    if (pod !== undefined) return pod;
    await Bun.sleep(PAUSE_MS);
  }
  return undefined;
}
