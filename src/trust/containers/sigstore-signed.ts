import { TrustError } from "../errors.ts";
import { CODE_OF_FACT, describeFact, worstFirst } from "../facts.ts";
import type { SignatureFact } from "../signature-fact.ts";
import { readCosignEvidence, type SigstoreEvidence } from "../sigstore/evidence.ts";
import { loadSigstore, type SigstoreLibrary } from "../sigstore/load-sigstore.ts";
import { readSigstoreKey, type SigstoreKey } from "../sigstore/public-key.ts";
import { describeCertificate, isSignedByKey } from "../sigstore/verify-evidence.ts";
import { isDigestOfDocument, overOther } from "../subject.ts";
import { prepareCertificateCheck } from "./certificate-check.ts";
import type { EvaluateInput, LoadedKeys } from "./evaluate-input.ts";
import { matchesIdentity } from "./match-identity.ts";
import type { RequirementOutcome } from "./outcome.ts";
import type { ContainersRequirement, KeySource } from "./policy.ts";
import { verifyRekorEntry } from "./rekor-check.ts";

type SigstoreSigned = Extract<ContainersRequirement, { readonly type: "sigstoreSigned" }>;

/** Whether one signature satisfies the signer part of a requirement. */
export type SignerCheck = (evidence: SigstoreEvidence) => SignatureFact;

/**
 * `sigstoreSigned`: one cosign signature (the `.sig` form, as the containers tools know it) by a key, a Fulcio identity or
 * a private PKI, in the log where Rekor keys are named, over this manifest, for a name that fits.
 */
export async function evaluateSigstoreSigned(
  load: (keys: readonly KeySource[]) => LoadedKeys,
  requirement: SigstoreSigned,
  input: EvaluateInput,
): Promise<RequirementOutcome> {
  const lib = await loadSigstore();
  let check: SignerCheck;
  try {
    check = prepareCheck(lib, { load, requirement, input });
  } catch (reason) {
    if (reason instanceof TrustError)
      return unmet("trust/rejected-by-policy", `it cannot be checked: ${reason.message}`);
    throw reason;
  }
  const facts = input.signatures
    .filter((one) => one.kind === "cosign" && one.over === "manifest")
    .map((one) => judge(lib, { bytes: one.bytes, from: one.from }, { check, requirement, input }));
  for (const fact of facts) {
    if (fact.kind === "good")
      return met({ kind: "key", fingerprint: fact.fingerprint }, `signed by sigstore key ${fact.fingerprint}`);
    if (fact.kind === "good-identity")
      return met({ kind: "identity", subject: fact.subject, issuer: fact.issuer }, `signed by ${fact.subject}`);
  }
  const [worst] = worstFirst(facts);
  if (worst === undefined) return unmet("trust/unsigned", "it demands a sigstore signature, and none was found");
  return unmet(CODE_OF_FACT[worst.kind], `it demands a sigstore signature: ${facts.map(describeFact).join("; ")}`);
}

interface Prepare {
  readonly load: (keys: readonly KeySource[]) => LoadedKeys;
  readonly requirement: SigstoreSigned;
  readonly input: EvaluateInput;
}

function prepareCheck(lib: SigstoreLibrary, { load, requirement, input }: Prepare): SignerCheck {
  const { signer, rekorKeys } = requirement;
  const rekor = readKeys(load(rekorKeys));
  if (signer.kind !== "keys") {
    const [roots] = readBlobs(load([signer.kind === "fulcio" ? signer.ca : signer.roots]));
    const middle =
      signer.kind === "pki" && signer.intermediates !== undefined ? readBlobs(load([signer.intermediates])) : [];
    return prepareCertificateCheck(lib, {
      signer,
      roots: roots ?? new Uint8Array(),
      intermediates: middle[0],
      rekor,
      atMs: input.atMs,
    });
  }
  const keys = readKeys(load(signer.keys));
  return (evidence) => {
    const key = keys.find((one) => isSignedByKey(evidence, one));
    if (key === undefined) return { kind: "unknown-key", signer: describeCertificate(evidence) };
    const { fingerprint, standing } = key;
    const short = fingerprint.slice(0, 16);
    const revocation = input.keyring.revocations.get(fingerprint);
    if (revocation !== undefined)
      return { kind: "revoked", fingerprint, signer: short, reason: `on this host: ${revocation.reason}` };
    if (standing.state !== "valid") return { kind: "weak", fingerprint, signer: short, reason: standing.reason };
    const logged = rekor.length === 0 ? undefined : verifyRekorEntry(lib, { evidence, rekor, publicKey: key.pem });
    if (logged !== undefined && !logged.ok) return { kind: "bad", fingerprint, signer: short, reason: logged.reason };
    return { kind: "good", fingerprint, signer: short };
  };
}

function readBlobs({ blobs, missing }: LoadedKeys): readonly Uint8Array[] {
  if (missing.length === 0) return blobs;
  throw new TrustError("trust/bad-key", `Cannot read key file ${missing.join(", ")}: missing or unreadable`, {
    hint: "put the file there, or correct its path in policy.json",
  });
}

function readKeys(loaded: LoadedKeys): readonly SigstoreKey[] {
  return readBlobs(loaded).map(readSigstoreKey);
}

function judge(
  lib: SigstoreLibrary,
  one: { readonly bytes: Uint8Array; readonly from: string },
  { check, requirement, input }: { readonly check: SignerCheck } & Omit<Prepare, "load">,
): SignatureFact {
  try {
    const evidence = readCosignEvidence(lib, one.bytes);
    const fact = check(evidence);
    if (fact.kind !== "good" && fact.kind !== "good-identity") return fact;
    const fingerprint = fact.kind === "good" ? fact.fingerprint : fact.subject;
    const [digest = ""] = evidence.digests ?? [];
    if (!isDigestOfDocument(input.subject.manifest, digest)) return overOther(fingerprint, [digest], fingerprint);
    const { reference = "" } = evidence;
    if (matchesIdentity(requirement.identity, reference, input.image?.docker)) return fact;
    const reason = `it is for "${reference.slice(0, 200)}", which does not satisfy ${requirement.identity.type}`;
    return { kind: "wrong-identity", fingerprint, signer: fingerprint, reason };
  } catch (reason) {
    if (reason instanceof TrustError && reason.code === "trust/bad-signature")
      return { kind: "bad", signer: one.from, reason: reason.message };
    throw reason;
  }
}

function met(by: RequirementOutcome["by"][number], reason: string): RequirementOutcome {
  return { type: "sigstoreSigned", isMet: true, by: [by], code: "trust/rejected-by-policy", reason };
}

function unmet(code: RequirementOutcome["code"], reason: string): RequirementOutcome {
  return { type: "sigstoreSigned", isMet: false, by: [], code, reason };
}
