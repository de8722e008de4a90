import type { Contender, Contest, Subject } from "./subject.ts";

/** All samples of one contender, in the order they were taken. */
export interface Measured {
  readonly contender: string;
  readonly samples: readonly number[];
  readonly median: number;
  /** Median divided by the base's. */
  readonly ratio: number;
}

/** A goal held against what was measured. */
export interface Judged {
  readonly goal: string;
  readonly value: number;
  readonly limit: number;
  readonly unit: string;
  readonly isReached: boolean;
}

/** The outcome of one subject. */
export interface Outcome {
  readonly subject: string;
  readonly title: string;
  readonly unit: string;
  readonly rounds: number;
  readonly measured: readonly Measured[];
  readonly goals: readonly Judged[];
}

/**
 * Runs the contenders in turn (A B C A B C …), so that what the machine does meanwhile falls on all of them; one round
 * before that is not counted.
 */
export async function measureContest(subject: Subject, contest: Contest, rounds: number): Promise<Outcome> {
  const samples = new Map(contest.contenders.map(({ name }) => [name, [] as number[]]));
  for (let round = -1; round < rounds; round++) {
    for (const contender of contest.contenders) {
      const sample = await takeSample(contender);
      if (round >= 0) samples.get(contender.name)?.push(sample);
    }
  }
  const medians = new Map([...samples].map(([name, taken]) => [name, medianOf(taken)]));
  const median = (name: string): number => medians.get(name) ?? Number.NaN;
  return {
    subject: subject.name,
    title: subject.title,
    unit: subject.unit,
    rounds,
    measured: [...samples].map(([contender, taken]) => ({
      contender,
      samples: taken,
      median: median(contender),
      ratio: median(contender) / median(contest.base),
    })),
    goals: contest.goals.map((goal) => {
      const value = goal.value(median);
      return { goal: goal.text, value, limit: goal.limit, unit: goal.unit, isReached: value <= goal.limit };
    }),
  };
}

async function takeSample(contender: Contender): Promise<number> {
  await contender.before?.();
  const startedAt = performance.now();
  const own = await contender.run();
  return own ?? performance.now() - startedAt;
}

/** The middle sample; of an even number, the mean of the two in the middle. */
export function medianOf(samples: readonly number[]): number {
  const sorted = samples.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}
