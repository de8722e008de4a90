/** Records per file of lines: the span of one hash of the second tile level, so that whole files can be archived. */
export const SEGMENT_RECORDS = 65_536;

/** Directory of the log, relative to the store's root. */
export const AUDIT_DIR = "audit";

/** Files of the log, relative to its directory. */
export const CHECKPOINT_FILE = "checkpoint";
/** The last checkpoint that a witness has cosigned. */
export const WITNESSED_FILE = "witnessed";
/** Verifier key of the log, for people to copy. */
export const VKEY_FILE = "log.vkey";
/** Size and right edge of the tree, so that an append reads neither records nor tiles. A cache: rebuilt when lost. */
export const STATE_FILE = "state";
export const LOCK_FILE = ".lock";
/** Number of the first record that is still here; absent: all are. */
export const MINIMUM_FILE = "minimum.json";

/** The file of lines that holds record `recnum`. */
export function segmentPath(recnum: number): string {
  return `events/${String(Math.floor(recnum / SEGMENT_RECORDS)).padStart(6, "0")}.jsonl`;
}
