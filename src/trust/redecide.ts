import { digestOf, parseDigest, splitDigest } from "../image/digest.ts";
import { decide } from "./decide.ts";
import { TrustError } from "./errors.ts";
import { judgeSignatures } from "./judge-signatures.ts";
import { parseKeyring } from "./parse-keyring.ts";
import type { RecheckHost, RecheckInput } from "./recheck-input.ts";
import type { RecordedSignature, VerificationRecord } from "./records.ts";
import type { SignatureFact } from "./signature-fact.ts";
import { createRecord, judgeOne, openTrust, type Trust } from "./verify-image.ts";

/**
 * The slow path of `recheck`: the whole decision again, from the record's own signatures. Those over the manifest are
 * verified cryptographically when the manifest is at hand; for those over an archive, which is gone, the standing of
 * key, subkey and signature is judged as of now.
 * @throws {TrustError} any refusal
 */
export async function redecide(
  host: RecheckHost,
  input: RecheckInput & { readonly record: VerificationRecord | undefined },
): Promise<VerificationRecord> {
  const trust = openTrust(host.layers, host.clock);
  const atMs = host.clock.nowMs();
  const signatures = input.record?.signatures ?? [];
  const facts: SignatureFact[] = [];
  for (const one of await judgeRecorded(trust, { ...input, signatures, atMs })) facts.push(...one);
  const decision = decide(trust.policy, {
    name: input.name,
    manifestDigest: input.manifestDigest,
    signatures: facts,
    nowMs: atMs,
    insecure: input.insecure,
  });
  return createRecord(trust, { name: input.name, manifestDigest: input.manifestDigest, decision, signatures, atMs });
}

async function judgeRecorded(
  trust: Trust,
  input: RecheckInput & { readonly signatures: readonly RecordedSignature[]; readonly atMs: number },
): Promise<readonly (readonly SignatureFact[])[]> {
  if (input.signatures.length === 0) return [];
  const keys = { keyring: trust.keyring, parsed: await parseKeyring(trust.keyring, input.atMs) };
  const hasManifestForm = input.signatures.some((one) => one.form === "openpgp-referrer");
  const manifest = hasManifestForm ? readManifest(input) : undefined;
  const judged: (readonly SignatureFact[])[] = [];
  for (const one of input.signatures) {
    const message = one.form === "openpgp-referrer" ? (manifest ?? "checked-before") : "checked-before";
    const signature = new Uint8Array(Buffer.from(one.bytes, "base64"));
    const facts = await judgeOne(
      () => judgeSignatures(keys, { name: input.name, message, signature, atMs: input.atMs }),
      one.from,
    );
    // Without the message only what was good before can still be good.
    judged.push(
      message === "checked-before"
        ? facts.filter((fact) => fact.kind !== "good" || one.fingerprints.includes(fact.fingerprint))
        : facts,
    );
  }
  return judged;
}

function readManifest(input: RecheckInput): Uint8Array | undefined {
  const raw = input.readManifest?.();
  if (raw === undefined) return undefined;
  const { algorithm } = splitDigest(parseDigest(input.manifestDigest));
  if (digestOf(raw, algorithm) === input.manifestDigest) return raw;
  throw new TrustError(
    "trust/bad-signature",
    `Cannot verify image "${input.name}": the stored manifest does not have the digest ${input.manifestDigest}`,
    {
      hint: `fetch it again: gantry fetch --pull-policy=update ${input.name}`,
    },
  );
}
