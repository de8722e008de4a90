import type { Clock } from "../base/clock.ts";
import { formatTimestamp } from "../base/clock.ts";
import { digestOf, parseDigest, splitDigest } from "../image/digest.ts";
import { decide } from "./decide.ts";
import type { Decision } from "./decision.ts";
import { TrustError } from "./errors.ts";
import { judgeSignatures } from "./judge-signatures.ts";
import { type Keyring, openKeyring } from "./keyring.ts";
import type { TrustLayer } from "./layers.ts";
import { openPolicy } from "./open-policy.ts";
import { MAX_SIGNATURE_BYTES } from "./openpgp/verify-detached.ts";
import { parseKeyring } from "./parse-keyring.ts";
import type { Policy } from "./policy.ts";
import type { RecordedSignature, VerificationRecord } from "./records.ts";
import type { SignatureFact } from "./signature-fact.ts";

/** Today's trust: keys, policy and time. */
export interface Trust {
  readonly keyring: Keyring;
  readonly policy: Policy;
  readonly clock: Clock;
}

/** A signature as a source offers it; structurally what `transport` finds. */
export interface OfferedSignature {
  readonly bytes: Uint8Array;
  readonly from: string;
  readonly over: "manifest" | "archive";
}

/** The image to decide about. */
export interface VerifyInput {
  /** Name without tag or digest: what prefixes are compared with. */
  readonly name: string;
  readonly manifest: { readonly raw: Uint8Array; readonly digest: string };
  readonly signatures: readonly OfferedSignature[];
  /** Reopened for each signature over the archive; must be the private copy everything else is read from. */
  readonly archive?: { open(): AsyncIterable<Uint8Array> };
  readonly insecure: boolean;
}

/** Most signatures looked at for one image; further ones are ignored. */
const MAX_OFFERED = 32;

/** Reads keyring and policy of the layers, lowest first. @throws {TrustError} "trust/bad-key", "trust/bad-policy" */
export function openTrust(layers: readonly TrustLayer[], clock: Clock): Trust {
  return { keyring: openKeyring(layers), policy: openPolicy(layers), clock };
}

/**
 * Decides whether the image may be used under the name and returns the proof for `writeRecord`.
 * @throws {TrustError} any refusal, with the next command as hint; "trust/bad-signature" when raw and digest differ.
 */
export async function verifyImage(trust: Trust, input: VerifyInput): Promise<VerificationRecord> {
  const { algorithm } = splitDigest(parseDigest(input.manifest.digest));
  if (digestOf(input.manifest.raw, algorithm) !== input.manifest.digest) {
    throw new TrustError(
      "trust/bad-signature",
      `Cannot verify image "${input.name}": its manifest does not have the digest ${input.manifest.digest}`,
      {
        hint: "fetch it again",
      },
    );
  }
  const atMs = trust.clock.nowMs();
  const offered = input.signatures.slice(0, MAX_OFFERED);
  const keys = { keyring: trust.keyring, parsed: offered.length === 0 ? [] : await parseKeyring(trust.keyring, atMs) };
  const facts: SignatureFact[] = [];
  const recorded: RecordedSignature[] = [];
  for (const one of offered) {
    const message = one.over === "manifest" ? input.manifest.raw : input.archive?.open();
    const judged =
      message === undefined
        ? [{ kind: "bad" as const, signer: one.from, reason: "the archive it is over is not at hand" }]
        : await judgeOne(
            () => judgeSignatures(keys, { name: input.name, message, signature: one.bytes, atMs }),
            one.from,
          );
    facts.push(...judged);
    if (judged.some((fact) => fact.kind === "good")) recorded.push(recordSignature(one, judged));
  }
  const decision = decide(trust.policy, {
    name: input.name,
    manifestDigest: input.manifest.digest,
    signatures: facts,
    nowMs: atMs,
    insecure: input.insecure,
  });
  return createRecord(trust, {
    name: input.name,
    manifestDigest: input.manifest.digest,
    decision,
    signatures: recorded,
    atMs,
  });
}

/** A file that is no signature counts as a bad one; other, good ones may still be enough. */
export async function judgeOne(
  judge: () => Promise<readonly SignatureFact[]>,
  from: string,
): Promise<readonly SignatureFact[]> {
  try {
    return await judge();
  } catch (reason) {
    if (reason instanceof TrustError && reason.code === "trust/bad-signature") {
      return [{ kind: "bad", signer: from, reason: reason.message }];
    }
    throw reason;
  }
}

/** Turns an acceptance into a record, and throws a refusal. */
export function createRecord(
  trust: Trust,
  outcome: {
    readonly name: string;
    readonly manifestDigest: string;
    readonly decision: Decision;
    readonly signatures: readonly RecordedSignature[];
    readonly atMs: number;
  },
): VerificationRecord {
  const { decision } = outcome;
  if (decision.kind === "refuse") {
    throw new TrustError(decision.code, `Cannot trust image "${outcome.name}": ${decision.reason}`, {
      hint: decision.hint,
      data: { name: outcome.name, manifestDigest: outcome.manifestDigest },
    });
  }
  return {
    gantryKind: "verification",
    gantryVersion: "v1",
    name: outcome.name,
    manifestDigest: outcome.manifestDigest,
    acceptedBy: decision.by,
    signatures: outcome.signatures,
    verifiedAt: formatTimestamp(outcome.atMs),
    ...(decision.validUntilMs === undefined ? {} : { validUntil: formatTimestamp(decision.validUntilMs) }),
    keyringHash: trust.keyring.hash,
    policyHash: trust.policy.hash,
  };
}

function recordSignature(one: OfferedSignature, judged: readonly SignatureFact[]): RecordedSignature {
  const fingerprints = judged.flatMap((fact) => (fact.kind === "good" ? [fact.fingerprint] : []));
  return {
    fingerprints: [...new Set(fingerprints)],
    form: one.over === "manifest" ? "openpgp-referrer" : "openpgp-archive",
    from: one.from,
    sha256: new Bun.CryptoHasher("sha256").update(one.bytes).digest("hex"),
    bytes: Buffer.from(one.bytes.subarray(0, MAX_SIGNATURE_BYTES)).toString("base64"),
  };
}
