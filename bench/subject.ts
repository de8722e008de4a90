import type { Lab } from "./lab.ts";

/** One way of doing the thing a subject measures. */
export interface Contender {
  readonly name: string;
  /** Does it once. A returned number is the measurement; otherwise the time the call took, in ms, is. */
  run(): Promise<number | undefined> | number | undefined;
  /** Restores the state `run` starts from; not measured. */
  before?(): Promise<void> | void;
}

/** What is wanted of the medians; `value` and `limit` share a unit, and smaller is better. */
export interface Goal {
  readonly text: string;
  value(median: (contender: string) => number): number;
  readonly limit: number;
  readonly unit: "×" | "ms" | "MB";
}

/** Contenders that are ready to run. Disposing it removes what they left. */
export interface Contest extends AsyncDisposable {
  readonly contenders: readonly Contender[];
  /** Name of the contender every ratio is relative to. */
  readonly base: string;
  readonly goals: readonly Goal[];
}

/** Something to measure: one file in `subjects/`, one line in `subjects.ts`. */
export interface Subject {
  readonly name: string;
  readonly title: string;
  readonly unit: "ms" | "MB";
  readonly rounds: number;
  open(lab: Lab): Promise<Contest>;
}
