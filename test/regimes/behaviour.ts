import type { Regime, RegimeLab } from "./lab.ts";

/** One thing a user relies on in every regime, tried through the binary. */
export interface Behaviour {
  /** As the table says it. */
  readonly name: string;
  check(lab: RegimeLab): Promise<void>;
}

/** A cell that cannot hold by the nature of the regime, and what happens instead. */
export interface Exception {
  readonly regime: Regime;
  /** Name of the behaviour. */
  readonly behaviour: string;
  /** What the table shows, such as `refused`. */
  readonly cell: string;
  /** Why, and what happens: a sentence for the table's footnotes. */
  readonly reason: string;
  /** Sees that it is as the reason says. */
  check(lab: RegimeLab): Promise<void>;
}
