import { AuditError } from "../../audit/errors.ts";
import { CHECKPOINT_FILE, WITNESSED_FILE } from "../../audit/log/log-layout.ts";
import { withLog } from "../../audit/log/open-log.ts";
import { openTreeHashes } from "../../audit/log/tree-hashes.ts";
import { proveConsistency } from "../../audit/merkle/proofs.ts";
import { type Checkpoint, parseCheckpoint } from "../../audit/note/checkpoint.ts";
import { findSignature, type NoteVerifier, parseVkey } from "../../audit/note/note-keys.ts";
import { formatSignedNote, parseSignatureLine } from "../../audit/note/signed-note.ts";
import type { Files, HttpResponse } from "../../sys/host.ts";
import type { Witnessed, WitnessInput } from "../audit-calls.ts";
import type { EngineContext } from "../context.ts";
import { auditParts } from "./audit-parts.ts";
import { publishNow } from "./prove-event.ts";

const MAX_ANSWER_BYTES = 64 * 1024;

/**
 * `audit witness`: shows the newest checkpoint to a witness, with a proof that it continues what the witness saw
 * before, and keeps the cosignature. Spec: C2SP tlog-witness, "add-checkpoint".
 * @throws {AuditError} "audit/witness-failed"; "audit/tampered" when the witness has seen another history
 */
export async function witnessLog(
  ctx: EngineContext,
  input: WitnessInput,
  options: { readonly signal: AbortSignal },
): Promise<Witnessed> {
  const parts = auditParts(ctx);
  const { files } = parts.log;
  const key = parseVkey(input.key);
  publishNow(ctx, parts);
  const text = files.readText(CHECKPOINT_FILE);
  const checkpoint = parseCheckpoint(text);
  const submit = (oldSize: number) => {
    const proof = proveConsistency(openTreeHashes(files, checkpoint.size), oldSize, checkpoint.size);
    const lines = proof.map((hash) => `${Buffer.from(hash).toString("base64")}\n`);
    const url = `${input.url.replace(/\/+$/, "")}/add-checkpoint`;
    return ctx.http().send({ url, method: "POST", body: `old ${oldSize}\n${lines.join("")}\n${text}` }, options);
  };
  let answer = await submit(seenBy(files, key));
  if (answer.status === 409) answer = await submit(await readSeenSize(answer, checkpoint));
  if (answer.status !== 200) throw await refusal(answer, input.url);
  const line = cosignatureIn(await answer.readText(MAX_ANSWER_BYTES), { checkpoint, key, url: input.url });
  keepCosignature(files, { text, checkpoint, line });
  const { size } = checkpoint;
  const root = Buffer.from(checkpoint.root).toString("hex");
  const event = { type: "audit.checkpointed", size, root, witness: key.name } as const;
  withLog(parts.log, (log) => void log.append(parts.log.stamp(event)), { sync: true });
  return { size, witness: key.name };
}

/** Size of the tree that this witness cosigned last, as far as is known here. */
function seenBy(files: Files, key: NoteVerifier): number {
  if (!files.has(WITNESSED_FILE)) return 0;
  const last = parseCheckpoint(files.readText(WITNESSED_FILE));
  return findSignature(last.note, key) === undefined ? 0 : last.size;
}

async function readSeenSize(answer: HttpResponse, checkpoint: Checkpoint): Promise<number> {
  const text = (await answer.readText(MAX_ANSWER_BYTES)).trim();
  const size = /^(0|[1-9][0-9]{0,15})$/.test(text) ? Number(text) : Number.NaN;
  if (size <= checkpoint.size) return size;
  if (Number.isNaN(size)) throw failed("its answer names no size");
  throw new AuditError(
    "audit/tampered",
    `Cannot continue the log: the witness has seen ${size} records, here are ${checkpoint.size}`,
    {
      hint: "the log was set back: see gantry audit check, and keep everything as evidence",
    },
  );
}

async function refusal(answer: HttpResponse, url: string): Promise<AuditError> {
  await answer.discard();
  const reasons: Readonly<Record<number, string>> = {
    403: "it does not know this log's key",
    404: "it does not know this log",
    409: "it has seen another tree of the same size",
    422: "it has seen another history of this log",
  };
  const why = reasons[answer.status] ?? `status ${answer.status}`;
  if (answer.status !== 409 && answer.status !== 422) return failed(`${url}: ${why}`);
  return new AuditError("audit/tampered", `Cannot continue the log: the witness refuses, ${why}`, {
    hint: "the log was replaced: see gantry audit check, and keep everything as evidence",
  });
}

function cosignatureIn(
  answer: string,
  { checkpoint, key, url }: { readonly checkpoint: Checkpoint; readonly key: NoteVerifier; readonly url: string },
): string {
  const lines = answer.split("\n").filter((line) => line !== "");
  const signatures = lines.map(parseSignatureLine); // those of other keys are left out
  const found = findSignature({ text: checkpoint.note.text, signatures }, key);
  if (found !== undefined) return found;
  throw failed(`${url}: its answer holds no valid cosignature of ${key.name}`);
}

function keepCosignature(
  files: Files,
  { text, checkpoint, line }: { readonly text: string; readonly checkpoint: Checkpoint; readonly line: string },
): void {
  const before = files.has(WITNESSED_FILE) ? parseCheckpoint(files.readText(WITNESSED_FILE)) : undefined;
  const isSame = before?.note.text === checkpoint.note.text;
  const own = parseCheckpoint(text).note.signatures;
  const kept = isSame ? before.note.signatures : own;
  const lines = new Set([...kept.map((signature) => signature.line), line]);
  files.writeAtomic(WITNESSED_FILE, formatSignedNote(checkpoint.note.text, [...lines]));
}

function failed(why: string): AuditError {
  return new AuditError("audit/witness-failed", `Cannot get a cosignature: ${why}`, {
    hint: "give the witness this log's key (gantry audit init prints it), and check the witness's address and key",
  });
}
