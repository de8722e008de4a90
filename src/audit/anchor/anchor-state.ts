import type { Files } from "../../sys/host.ts";
import type { AnchorFacts } from "../events.ts";
import { sha256Hex } from "../merkle/hash.ts";

/** What was last known of the anchor. A cache: the log has it all, but reading it takes time. */
export interface AnchorState {
  readonly facts: AnchorFacts;
  /** Value of the index, hexadecimal. */
  readonly value: string;
  /** Records that the index covers. */
  readonly size: number;
  /** Boot in which the index was last compared. */
  readonly bootId: string;
  /** An anchor record on its way into the log and the index. */
  readonly pending?: PendingExtension;
  /** The loss of the anchor has been recorded. */
  readonly lost?: true;
}

/** See `AnchorState.pending`. */
export interface PendingExtension {
  readonly recnum: number;
  readonly digest: string;
}

const STATE_FILE = "anchor-state";
/** Held from reading the state to the end of an extension. */
export const ANCHOR_LOCK_FILE = ".anchor.lock";
const STATE_BYTES = 4096;

/** Undefined when there is none or a power cut has spoiled it. */
export function readAnchorState(files: Files): AnchorState | undefined {
  if (!files.has(STATE_FILE)) return undefined;
  const [body = "", sum] = files.readText(STATE_FILE, STATE_BYTES).trimEnd().split("\n");
  return sum === sha256Hex(body) ? (JSON.parse(body) as AnchorState) : undefined;
}

/** One write of fixed length: a killed process leaves the old state or the new one. */
export function writeAnchorState(files: Files, state: AnchorState): void {
  const body = JSON.stringify(state);
  files.overwrite(STATE_FILE, `${body}\n${sha256Hex(body)}\n`.padEnd(STATE_BYTES, "\n"));
}
