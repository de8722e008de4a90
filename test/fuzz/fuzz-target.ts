import { EngineError } from "../../src/base/errors.ts";
import { mutate, seededRandom } from "./mutate.ts";
import { type FuzzTarget, text } from "./target.ts";

const MAX_FINDINGS = 20;
const POOL = 200;

async function feedOne(
  target: FuzzTarget,
  input: Uint8Array,
): Promise<"accepted" | "refused" | { readonly bug: unknown }> {
  try {
    await target.feed(input);
    return "accepted";
  } catch (reason) {
    return reason instanceof EngineError ? "refused" : { bug: reason };
  }
}

/** What came of one target. */
export interface FuzzCount {
  readonly findings: number;
  /** Inputs that the parser took. */
  readonly accepted: number;
}

/**
 * Gives a target `count` mutated inputs. Inputs that were accepted join the pool, so that mutations pile up on what still
 * parses. Prints findings and signs of life.
 */
export async function fuzzTarget(
  target: FuzzTarget,
  { count, seed, print }: { readonly count: number; readonly seed: number; print(line: string): void },
): Promise<FuzzCount> {
  const random = seededRandom(seed);
  const words = target.words.map((word) => (/[\x80-\xff]/.test(word) ? Buffer.from(word, "latin1") : text(word)));
  const pool = [...target.seeds];
  for (const [i, good] of pool.entries()) {
    if ((await feedOne(target, good)) !== "accepted")
      throw new TypeError(`seed ${i} of ${target.name} is not accepted`);
  }
  const pick = (): Uint8Array => pool[random(pool.length)] ?? new Uint8Array();
  let findings = 0;
  let accepted = 0;
  for (let i = 0; i < count && findings < MAX_FINDINGS; i++) {
    if (i % 500 === 0) print(`at ${target.name} ${i}`);
    const input = mutate(pick(), { random, words, other: pick() });
    const outcome = await feedOne(target, input);
    if (outcome === "refused") continue;
    if (outcome === "accepted") {
      accepted++;
      if (random(20) === 0) pool[pool.length < POOL ? pool.length : random(POOL)] = input;
      continue;
    }
    const reason = outcome.bug;
    findings++;
    const shown = reason instanceof Error ? `${reason.stack ?? reason.message}` : String(reason);
    print(JSON.stringify({ target: target.name, reason: shown, input: Buffer.from(input).toString("base64") }));
  }
  return { findings, accepted };
}
