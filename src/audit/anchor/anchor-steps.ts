import type { Files } from "../../sys/host.ts";
import type { AnchorFacts } from "../events.ts";
import { readMinimum } from "../log/pruning.ts";
import { readAllLines } from "../log/read-lines.ts";
import { type LogRecord, readRecord } from "../log/record.ts";
import { extendValue } from "./nv-policy.ts";

/** One extension of the NV index, as the log tells it. */
export interface AnchorStep {
  readonly recnum: number;
  /** Hexadecimal. */
  readonly digest: string;
  /** Present where a new index begins. */
  readonly facts?: AnchorFacts;
}

/** The step that a record tells of; undefined for the events that it covers. */
export function stepOf(record: LogRecord): AnchorStep | undefined {
  if (record.nv_index === undefined) return undefined;
  const facts = record.content.type === "audit.initialised" ? { facts: record.content["anchor"] as AnchorFacts } : {};
  return { recnum: record.recnum, digest: record.digests[0].digest, ...facts };
}

/** All steps in the log, without looking closely at any other record. */
export function readAnchorSteps(files: Files): AnchorStep[] {
  const steps: AnchorStep[] = [];
  for (const { bytes } of readAllLines(files, readMinimum(files))) {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (!text.includes('"nv_index":')) continue;
    const record = readRecord(text.toString("utf8"));
    const step = record === undefined ? undefined : stepOf(record);
    if (step !== undefined) steps.push(step);
  }
  return steps;
}

/** Value of the index after a step. */
export interface AnchorValue {
  readonly step: AnchorStep;
  /** Hexadecimal. */
  readonly value: string;
}

/** What the index of the last `audit.initialised` held after each step since then. Empty when there never was one. */
export function foldSteps(steps: readonly AnchorStep[]): readonly AnchorValue[] {
  const start = steps.findLastIndex((step) => step.facts !== undefined);
  if (start < 0) return [];
  let value: Uint8Array = new Uint8Array(32);
  return steps.slice(start).map((step) => {
    value = extendValue(value, Buffer.from(step.digest, "hex"));
    return { step, value: Buffer.from(value).toString("hex") };
  });
}
