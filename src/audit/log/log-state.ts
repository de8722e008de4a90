import type { Files } from "../../sys/host.ts";
import { Frontier } from "../merkle/frontier.ts";
import { sha256Hex } from "../merkle/hash.ts";
import { STATE_FILE } from "./log-layout.ts";

/** Where the log ends: what an append needs to know. */
export interface LogEnd {
  readonly frontier: Frontier;
  /** Bytes of whole lines in the last file of lines. */
  segmentBytes: number;
  /** Where in that file the unfinished bundle begins. */
  bundleStart: number;
  /** Boot in which this was written: within one boot, nothing that was appended is ever lost by itself. */
  readonly bootId: string;
}

const STATE_BYTES = 8192;

/** Undefined when there is none, or it was spoiled by a power cut or by somebody. */
export function readLogEnd(files: Files): LogEnd | undefined {
  if (!files.has(STATE_FILE)) return undefined;
  const [body = "", sum] = files.readText(STATE_FILE, STATE_BYTES).trimEnd().split("\n");
  if (sum !== sha256Hex(body)) return undefined;
  // Our own text, as its sum says: a wrong shape would be a bug, not an attack.
  const state = JSON.parse(body) as {
    size: number;
    peaks: string[];
    segmentBytes: number;
    bundleStart: number;
    bootId: string;
  };
  const frontier = Frontier.restore(
    state.size,
    state.peaks.map((hex) => Buffer.from(hex, "hex")),
  );
  if (frontier === undefined) return undefined;
  const { segmentBytes, bundleStart, bootId } = state;
  return { frontier, segmentBytes, bundleStart, bootId };
}

/** One write of fixed length: a killed process leaves the old state or the new one. */
export function writeLogEnd(files: Files, end: LogEnd): void {
  const { frontier, segmentBytes, bundleStart, bootId } = end;
  const peaks = frontier.peaks().map((hash) => Buffer.from(hash).toString("hex"));
  const body = JSON.stringify({ size: frontier.size, peaks, segmentBytes, bundleStart, bootId });
  files.overwrite(STATE_FILE, `${body}\n${sha256Hex(body)}\n`.padEnd(STATE_BYTES, "\n"));
}
