import { AuditError } from "../audit/errors.ts";
import type { TreeHead } from "../audit/merkle/proofs.ts";
import { parseCheckpoint, verifyCheckpoint } from "../audit/note/checkpoint.ts";
import { parseVkey } from "../audit/note/note-keys.ts";
import { AttestError } from "./errors.ts";
import type { KeptHead, KeptLog } from "./fleet/kept-log.ts";
import type { FleetNode } from "./fleet/nodes.ts";
import { pullLog } from "./log/pull-log.ts";
import { readNewRecords } from "./log/read-new-records.ts";
import type { NodeClient } from "./node-client.ts";
import type { NodeProblem } from "./problems.ts";
import { parseAttestationKey } from "./tpm/public-area.ts";
import { compareClock, otherKey, verifyQuote } from "./tpm/verify-quote.ts";

/** What one look at a node gave: a head that may be committed, or what is wrong. */
export type Examination =
  | { readonly kind: "good"; readonly head: KeptHead }
  | { readonly kind: "bad"; readonly problem: NodeProblem };

/** What a look at a node works with. */
export interface ExaminationTools {
  readonly client: NodeClient;
  readonly kept: KeptLog;
  /** Never used before. Hexadecimal. */
  readonly nonce: string;
}

/**
 * Asks a node for a quote, pulls what its log has gained, and holds everything against the enrolment and against what
 * was shown before. Nothing of the kept log changes but what is staged. Failures of the node are results.
 */
export async function examineNode(node: FleetNode, tools: ExaminationTools): Promise<Examination> {
  try {
    return await examine(node, tools);
  } catch (reason) {
    // What a node sends may be made to trip us up (records nested beyond the stack): that is its failure, and is told.
    if (reason instanceof RangeError || reason instanceof TypeError)
      return { kind: "bad", problem: { kind: "bad-answer", detail: `its answer cannot be used: ${reason.message}` } };
    if (!(reason instanceof AttestError)) throw reason;
    const problem = reason.code === "attest/node-failed" ? await diagnose(node, tools, reason) : problemOf(reason);
    return { kind: "bad", problem };
  }
}

async function examine(node: FleetNode, tools: ExaminationTools): Promise<Examination> {
  const { client, kept, nonce } = tools;
  const before = kept.head();
  const quote = await client.quote(nonce);
  const facts = verifyQuote(quote, { ...node, nonce });
  if ("kind" in facts) return { kind: "bad", problem: facts };
  const wentBack = before.size === 0 ? undefined : compareClock(before, facts);
  if (wentBack !== undefined) return { kind: "bad", problem: wentBack };
  const checkpoint = readCheckpoint(node, quote.checkpoint);
  if ("kind" in checkpoint) return { kind: "bad", problem: checkpoint };
  const problem =
    (await pullLog(client, kept, checkpoint)) ??
    (await compareAnchor(node, tools, { size: checkpoint.size, nvValue: facts.nvValue }));
  if (problem === undefined)
    return { kind: "good", head: { ...facts, size: checkpoint.size, checkpoint: quote.checkpoint } };
  kept.dropStaged();
  return { kind: "bad", problem };
}

/** Does the TPM hold exactly the extensions that the log tells of? */
async function compareAnchor(
  node: FleetNode,
  { kept }: ExaminationTools,
  { size, nvValue }: { readonly size: number; readonly nvValue: string },
): Promise<NodeProblem | undefined> {
  const news = await readNewRecords(kept, size);
  if ("kind" in news) return news;
  const { birth, lastAnchor } = news;
  if (
    birth !== undefined &&
    (birth.nvName !== node.nvName || birth.akName !== node.akName || birth.ekHash !== node.ekHash)
  )
    return {
      kind: "index-recreated",
      detail: "the log tells of another index or other keys than those of the enrolment",
    };
  if (news.nvValue !== nvValue) {
    const detail = "the TPM has recorded another history than the log: records were removed or replaced";
    return { kind: "rolled-back", detail };
  }
  const isNew = size > kept.head().size;
  if (isNew && lastAnchor !== size - 1)
    return {
      kind: "rolled-back",
      detail: "something follows the last record that the TPM knows",
      record: lastAnchor ?? 0,
    };
  return undefined;
}

function readCheckpoint(node: FleetNode, text: string): (TreeHead & { readonly origin: string }) | NodeProblem {
  try {
    return verifyCheckpoint(text, parseVkey(node.vkey));
  } catch (reason) {
    if (!(reason instanceof AuditError)) throw reason;
    if (reason.code !== "audit/not-proven") return { kind: "bad-answer", detail: reason.message };
    const { origin } = parseCheckpoint(text);
    if (origin !== parseVkey(node.vkey).name)
      return { kind: "other-log", detail: `this is the log of ${origin}, not the one of the enrolment` };
    return { kind: "checkpoint-forged", detail: "the log's head is not signed with the key of the enrolment" };
  }
}

/** Why a node cannot quote: its own words are heard last, after what its log and its TPM show. */
async function diagnose(node: FleetNode, tools: ExaminationTools, failure: AttestError): Promise<NodeProblem> {
  const { client, kept } = tools;
  try {
    const checkpoint = readCheckpoint(node, await client.checkpoint());
    if ("kind" in checkpoint) return checkpoint;
    const problem = await pullLog(client, kept, checkpoint);
    kept.dropStaged();
    if (problem !== undefined) return problem;
    const identity = await client.identity();
    const akName = identity.ak === undefined ? undefined : parseAttestationKey(Buffer.from(identity.ak, "base64")).name;
    if (akName !== node.akName) return otherKey(identity.ek.publicKey, node.ekHash);
  } catch (reason) {
    if (!(reason instanceof AttestError)) throw reason;
    if (reason.code !== "attest/node-failed") return problemOf(reason);
  }
  return { kind: "anchor-missing", detail: failure.message };
}

function problemOf(reason: AttestError): NodeProblem {
  const isSilent = ["attest/unreachable", "attest/busy", "attest/unauthorized"].includes(reason.code);
  const kind = reason.code === "attest/not-proven" ? "quote-forged" : isSilent ? "unreachable" : "bad-answer";
  return { kind, detail: reason.message };
}
