import { ANCHOR_LOCK_FILE, readAnchorState } from "../../audit/anchor/anchor-state.ts";
import { readAnchorSteps } from "../../audit/anchor/anchor-steps.ts";
import { NV_INDEX } from "../../audit/anchor/nv-policy.ts";
import { openTpmAnchor } from "../../audit/anchor/tpm-anchor.ts";
import { AuditError } from "../../audit/errors.ts";
import { findRecord } from "../../audit/log/find-record.ts";
import { ensureLogKey } from "../../audit/log/log-key.ts";
import { CHECKPOINT_FILE } from "../../audit/log/log-layout.ts";
import { withLog } from "../../audit/log/open-log.ts";
import { publishCheckpoint } from "../../audit/log/publish.ts";
import { openTreeHashes } from "../../audit/log/tree-hashes.ts";
import { proveInclusion } from "../../audit/merkle/proofs.ts";
import { parseCheckpoint } from "../../audit/note/checkpoint.ts";
import { formatVkey } from "../../audit/note/note-keys.ts";
import { formatTlogProof } from "../../audit/note/tlog-proof.ts";
import type { Files } from "../../sys/host.ts";
import type { AuditQuote } from "../audit-calls.ts";
import type { EngineContext } from "../context.ts";
import { type AuditParts, auditParts } from "./audit-parts.ts";
import { AK_CONTEXT, readEndorsementKey, TpmTools } from "./tpm-tools.ts";

const MAX_FILE_BYTES = 64 * 1024;
const MAX_TRIES = 20;
const PCRS = "sha256:0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23";

/**
 * `audit quote`: everything that convinces a stranger that this TPM holds this log now. The log's newest record is the
 * one the TPM was extended with last, and the checkpoint ends with it.
 * @throws {AuditError} "audit/malformed" for a nonce that is none, "audit/not-initialised", "audit/not-anchored"
 */
export async function quoteAudit(ctx: EngineContext, input: { readonly nonce: string }): Promise<AuditQuote> {
  const parts = auditParts(ctx);
  const signed = await signNow(ctx, parts, input.nonce);
  return { ...describeLog(parts, signed.checkpoint), ...signed };
}

/** The part of a quote that is not in the log itself: for somebody who keeps a copy of the log. */
export type CompactQuote = Omit<AuditQuote, "anchors" | "birthProof" | "headProof">;

/**
 * The same without what the asker finds in the log.
 * @throws {AuditError} as `quoteAudit` does
 */
export async function quoteCompactly(ctx: EngineContext, nonce: string): Promise<CompactQuote> {
  return signNow(ctx, auditParts(ctx), nonce);
}

async function signNow(ctx: EngineContext, parts: AuditParts, nonce: string): Promise<CompactQuote> {
  if (!/^(?:[0-9a-f]{2}){8,32}$/.test(nonce)) {
    throw new AuditError("audit/malformed", "Cannot use nonce: it is not 8 to 32 bytes in lower-case hexadecimal", {
      hint: "let the verifier choose it: openssl rand -hex 20",
    });
  }
  const { place } = parts;
  if (place === undefined || readAnchorState(parts.log.files) === undefined) {
    throw new AuditError("audit/not-initialised", "Cannot quote: the event log is not anchored in a TPM", {
      hint: "make the anchor: gantry audit init",
    });
  }
  using tools = new TpmTools(ctx, place);
  const ek = await readEndorsementKey(tools);
  for (let tries = 0; ; tries++) {
    coverAll(parts);
    using _lock = parts.log.files.lock(ANCHOR_LOCK_FILE, { kind: "exclusive", wait: true });
    const size = publishAtAnchor(ctx, parts);
    if (size === undefined && tries < MAX_TRIES) continue; // somebody has appended meanwhile
    const vkey = formatVkey(ensureLogKey(ctx.root, parts.hostname));
    const checkpoint = parts.log.files.readText(CHECKPOINT_FILE);
    return { nonce, vkey, checkpoint, ek: encodeEk(ek), ...(await signWithTpm(tools, nonce)) };
  }
}

function coverAll({ log, settings, place }: AuditParts): void {
  openTpmAnchor({ log, place, settings: { ...settings, anchor: "required" }, note: () => undefined }).cover();
}

/** Publishes a checkpoint whose last record is the newest anchor record; undefined when something stands behind it. */
function publishAtAnchor(ctx: EngineContext, { log, hostname }: AuditParts): number | undefined {
  const signer = ensureLogKey(ctx.root, hostname);
  const publish = (appender: Parameters<Parameters<typeof withLog>[1]>[0]) => {
    const { size } = appender.head;
    if (readAnchorState(log.files)?.size !== size - 1) return undefined;
    publishCheckpoint(log.files, appender, signer);
    return size;
  };
  return withLog<number | undefined>(log, publish, { sync: true });
}

function describeLog({ log }: AuditParts, checkpoint: string) {
  const { files } = log;
  const { size } = parseCheckpoint(checkpoint);
  const steps = readAnchorSteps(files).filter((step) => step.recnum < size);
  const current = steps.slice(steps.findLastIndex((step) => step.facts !== undefined));
  const prove = (recnum: number) => {
    const hashes = proveInclusion(openTreeHashes(files, size), recnum, size);
    return formatTlogProof({ index: recnum, hashes, extra: findRecord(files, String(recnum)).line, checkpoint });
  };
  return {
    anchors: current.map((step) => step.digest),
    birthProof: prove(current[0]?.recnum ?? 0),
    headProof: prove(current.at(-1)?.recnum ?? 0),
  };
}

async function signWithTpm(tools: TpmTools, nonce: string) {
  const index = `0x${NV_INDEX.toString(16)}`;
  const common = ["-g", "sha256", "-f", "plain", "-q", nonce];
  const certify = ["-C", AK_CONTEXT, "-c", index, "-s", "ecdsa", "-o", "nv.sig", "--attestation", "nv.msg"];
  await tools.run("tpm2_nvcertify", ...certify, ...common, "--size", "32", "--offset", "0", index);
  await tools.flush();
  await tools.run(
    "tpm2_quote",
    "-c",
    AK_CONTEXT,
    "-l",
    PCRS,
    "-m",
    "pcr.msg",
    "-s",
    "pcr.sig",
    "-o",
    "pcr.values",
    ...common,
  );
  await tools.flush();
  await tools.run("tpm2_readpublic", "-c", AK_CONTEXT, "-f", "tss", "-o", "ak.pub");
  await tools.flush();
  return {
    ak: read(tools.dir, "ak.pub"),
    nv: { message: read(tools.dir, "nv.msg"), signature: read(tools.dir, "nv.sig") },
    pcr: {
      message: read(tools.dir, "pcr.msg"),
      signature: read(tools.dir, "pcr.sig"),
      values: read(tools.dir, "pcr.values"),
    },
  };
}

/** Members of a message about the endorsement key. */
export function encodeEk(ek: { readonly publicKey: string; readonly certificate?: Uint8Array }): AuditQuote["ek"] {
  if (ek.certificate === undefined) return { publicKey: ek.publicKey };
  return { publicKey: ek.publicKey, certificate: Buffer.from(ek.certificate).toString("base64") };
}

function read(dir: Files, name: string): string {
  return Buffer.from(dir.readBytes(name, MAX_FILE_BYTES)).toString("base64");
}
