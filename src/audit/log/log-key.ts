import { SysError } from "../../sys/errors.ts";
import type { Files } from "../../sys/host.ts";
import { AuditError } from "../errors.ts";
import {
  formatVkey,
  generateNoteSigner,
  type NoteSigner,
  type NoteVerifier,
  openNoteSigner,
  parseVkey,
} from "../note/note-keys.ts";
import { AUDIT_DIR, VKEY_FILE } from "./log-layout.ts";

const KEY_FILE = "keys/audit-log.pem";
const VKEY_PATH = `${AUDIT_DIR}/${VKEY_FILE}`;

/**
 * This host's log key, made when there is none. The private half is outside the log's directory, so that the directory
 * may be copied and served. `root` is the store's root.
 * @throws {AuditError} "audit/not-initialised" when only one half is there: a new key would be a new log.
 */
export function ensureLogKey(root: Files, hostname: string): NoteSigner {
  const found = readLogKey(root);
  if (found !== undefined) return found;
  if (root.has(VKEY_PATH)) {
    throw new AuditError("audit/not-initialised", "Cannot sign the event log: its private key is missing", {
      hint: `restore ${root.path(KEY_FILE)} from a backup, or move ${root.path(AUDIT_DIR)} away to begin a new log`,
    });
  }
  const made = generateNoteSigner((hash) => `${hostname}/gantry-audit/${hash.slice(0, 16)}`);
  root.ensureDir("keys", 0o700);
  try {
    root.createExclusive(KEY_FILE, `${made.name}\n${made.privatePem}`, 0o600);
  } catch (reason) {
    // Another command was first: its key is the log's key.
    if (!(reason instanceof SysError) || reason.code !== "sys/exists") throw reason;
  }
  const kept = readLogKey(root) ?? made;
  root.writeAtomic(VKEY_PATH, `${formatVkey(kept)}\n`);
  return kept;
}

/** Undefined when there is none. @throws {AuditError} "audit/malformed" */
export function readLogKey(root: Files): NoteSigner | undefined {
  if (!root.has(KEY_FILE)) return undefined;
  const text = root.readText(KEY_FILE, 4096);
  const end = text.indexOf("\n");
  return openNoteSigner(text.slice(0, end), text.slice(end + 1));
}

/** The key that the log's own directory names; undefined when there is none. */
export function readVkey(root: Files): NoteVerifier | undefined {
  return root.has(VKEY_PATH) ? parseVkey(root.readText(VKEY_PATH, 4096)) : undefined;
}
