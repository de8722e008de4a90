import { AuditError } from "../errors.ts";

/** One signature under a note, not yet verified. */
export interface NoteSignature {
  readonly name: string;
  /** First four bytes of the key's hash, as a number. */
  readonly keyHash: number;
  /** What follows the key hash. */
  readonly signature: Uint8Array;
  /** The line as it stands, without its newline. */
  readonly line: string;
}

/** Text and the signatures under it. Spec: C2SP signed-note v1. */
export interface SignedNote {
  /** Ends with a newline. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

const MAX_NOTE_CHARS = 1_000_000;
const MAX_SIGNATURES = 100;
const CONTROL_CHARACTERS = /[\u0000-\u0009\u000b-\u001f]/u;

/** @throws {AuditError} "audit/malformed" */
export function parseSignedNote(note: string): SignedNote {
  const split = note.lastIndexOf("\n\n");
  if (note.length > MAX_NOTE_CHARS || split < 0 || !note.endsWith("\n") || CONTROL_CHARACTERS.test(note)) {
    throw malformed("text, an empty line and signatures are expected");
  }
  const lines = note.slice(split + 2, -1).split("\n");
  if (lines.length > MAX_SIGNATURES) throw malformed("it has too many signatures");
  return { text: note.slice(0, split + 1), signatures: lines.map(parseSignatureLine) };
}

/** The note as text again. */
export function formatSignedNote(text: string, lines: readonly string[]): string {
  return `${text}\n${lines.map((line) => `${line}\n`).join("")}`;
}

/** `— name base64(keyHash ‖ signature)`. */
export function formatSignatureLine(name: string, keyHash: number, signature: Uint8Array): string {
  const hash = Buffer.alloc(4);
  hash.writeUInt32BE(keyHash);
  return `— ${name} ${Buffer.concat([hash, signature]).toString("base64")}`;
}

/** @throws {AuditError} "audit/malformed" */
export function parseSignatureLine(line: string): NoteSignature {
  const [, name, encoded] = /^— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})$/u.exec(line) ?? [];
  const bytes = Buffer.from(encoded ?? "", "base64");
  if (name === undefined || bytes.byteLength < 5 || bytes.toString("base64") !== encoded) {
    throw malformed("a signature line is not one");
  }
  return { name, keyHash: bytes.readUInt32BE(0), signature: bytes.subarray(4), line };
}

function malformed(what: string): AuditError {
  return new AuditError("audit/malformed", `Cannot read signed note: ${what}`, {
    hint: "take the file from the log again",
  });
}
