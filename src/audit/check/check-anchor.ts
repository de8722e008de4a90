import { type AnchorStep, foldSteps } from "../anchor/anchor-steps.ts";
import type { IndexReading } from "../anchor/extend.ts";
import type { TpmClock } from "../anchor/tpm.ts";
import type { AnchorFacts } from "../events.ts";
import type { Problem } from "./problems.ts";

/** What the TPM says now. Hashes and names are hexadecimal. */
export type AnchorReading =
  | { readonly kind: "unavailable"; readonly reason: string }
  | {
      readonly kind: "read";
      readonly index: IndexReading | undefined;
      readonly counter: number | undefined;
      readonly akName: string | undefined;
      readonly clock: TpmClock;
      /** Hash of the endorsement key; asked for only when something else does not fit. */
      readonly ekHash: string | undefined;
    };

/** How the log stands to the TPM. */
export interface AnchorCheck {
  readonly state: "anchored" | "unanchored" | "not checked" | "broken";
  readonly anchoredSize: number;
  readonly problems: readonly Problem[];
  readonly remarks: readonly string[];
}

/** Compares the log's own account of its extensions with what the TPM holds. */
export function checkAnchor(steps: readonly AnchorStep[], reading: AnchorReading): AnchorCheck {
  const values = foldSteps(steps);
  const birth = values[0]?.step;
  if (birth?.facts === undefined) return withoutAnchor(reading);
  if (reading.kind === "unavailable") {
    return broken({
      kind: "tpm-unavailable",
      detail: `the log is anchored in a TPM, and none answers: ${reading.reason}`,
    });
  }
  const replaced = compareTpm(birth.facts, reading) ?? compareIndex(birth, reading.index, values.length === 1);
  if (replaced !== undefined) return broken(replaced);
  if (reading.index?.value === undefined) {
    return {
      state: "unanchored",
      anchoredSize: 0,
      problems: [],
      remarks: ["the making of the anchor was interrupted: gantry audit init --force"],
    };
  }
  const at = values.findIndex(({ value }) => value === reading.index?.value);
  const covered = values[at]?.step.recnum;
  if (covered === undefined) {
    return broken({
      kind: "rolled-back",
      detail:
        "the TPM has recorded a history that the log does not contain: records were removed or replaced, and everything signed over them too",
    });
  }
  const late = values.length - 1 - at;
  const remarks =
    late === 0 ? [] : [`${late} anchor records are not in the TPM yet: a command was killed, the next one repairs it`];
  const isOpen = reading.counter !== undefined && reading.counter <= birth.facts.counter;
  if (isOpen) remarks.push("the making of the anchor was interrupted: gantry audit init --force");
  // The tree before the anchor record, and the record itself.
  return { state: "anchored", anchoredSize: covered + 1, problems: [], remarks };
}

function withoutAnchor(reading: AnchorReading): AnchorCheck {
  const hasIndex = reading.kind === "read" && reading.index?.value !== undefined;
  if (!hasIndex) return { state: "unanchored", anchoredSize: 0, problems: [], remarks: [] };
  return broken({ kind: "rolled-back", detail: "the TPM holds an anchor of Gantry, and the log knows nothing of it" });
}

function compareTpm(facts: AnchorFacts, reading: AnchorReading & { readonly kind: "read" }): Problem | undefined {
  if (reading.akName === facts.akName) return undefined;
  const origin = `this log was begun on host "${facts.hostname}"`;
  if (reading.ekHash === facts.ekHash) {
    return { kind: "tpm-cleared", detail: `the TPM was cleared since: its attestation key is gone; ${origin}` };
  }
  return { kind: "tpm-replaced", detail: `this is another TPM than the one the log is anchored in; ${origin}` };
}

function compareIndex(birth: AnchorStep, index: IndexReading | undefined, isNewest: boolean): Problem | undefined {
  if (index === undefined)
    return { kind: "index-missing", detail: "somebody has deleted the index that the log is anchored in" };
  if (index.name === birth.facts?.nvName) return undefined;
  // Between the record of its making and its first extension an index is allowed to be unwritten.
  if (index.value === undefined && isNewest) return undefined;
  const how = index.value === undefined ? "and cannot be written again" : "with other attributes";
  return { kind: "index-recreated", detail: `somebody has deleted the index and made it again, ${how}` };
}

function broken(problem: Problem): AnchorCheck {
  return { state: "broken", anchoredSize: 0, problems: [problem], remarks: [] };
}
