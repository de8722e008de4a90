import { AuditError } from "../errors.ts";
import type { TreeHead } from "../merkle/proofs.ts";
import { findSignature, type NoteSigner, type NoteVerifier, signNote } from "./note-keys.ts";
import { formatSignedNote, parseSignedNote, type SignedNote } from "./signed-note.ts";

/** A tree head somebody signed. Spec: C2SP tlog-checkpoint v1. */
export interface Checkpoint extends TreeHead {
  readonly origin: string;
  readonly note: SignedNote;
}

/** The signed text of a tree head. */
export function signCheckpoint(signer: NoteSigner, head: TreeHead): string {
  const text = `${signer.name}\n${head.size}\n${Buffer.from(head.root).toString("base64")}\n`;
  return formatSignedNote(text, [signNote(signer, text)]);
}

/** Reads a checkpoint without believing it. @throws {AuditError} "audit/malformed" */
export function parseCheckpoint(text: string): Checkpoint {
  const note = parseSignedNote(text);
  const [origin, sizeText, rootText] = note.text.split("\n");
  const root = Buffer.from(rootText ?? "", "base64");
  const isSize = /^(0|[1-9][0-9]{0,15})$/.test(sizeText ?? "");
  const size = Number(sizeText);
  if (
    !origin ||
    !isSize ||
    !Number.isSafeInteger(size) ||
    root.byteLength !== 32 ||
    root.toString("base64") !== rootText
  ) {
    throw new AuditError("audit/malformed", "Cannot read checkpoint: origin, size and root hash are expected", {
      hint: "take the file from the log again",
    });
  }
  return { origin, size, root, note };
}

/** @throws {AuditError} "audit/malformed"; "audit/not-proven" when `key` did not sign it */
export function verifyCheckpoint(text: string, key: NoteVerifier): Checkpoint {
  const checkpoint = parseCheckpoint(text);
  if (checkpoint.origin === key.name && findSignature(checkpoint.note, key) !== undefined) return checkpoint;
  throw new AuditError(
    "audit/not-proven",
    `Cannot believe checkpoint of "${checkpoint.origin}": not signed by ${key.name}`,
    {
      hint: "compare the key with the one written down when the log was set up",
    },
  );
}
