import type { Key } from "openpgp";
import { TrustError } from "../errors.ts";
import { CODE_OF_FACT, describeFact, worstFirst } from "../facts.ts";
import type { OfferedSignature } from "../offered-signature.ts";
import { readKeys } from "../openpgp/read-keys.ts";
import { verifyPackets } from "../openpgp/verify-detached.ts";
import type { SignatureFact } from "../signature-fact.ts";
import { parseClaim, SIMPLE_TYPE } from "../simple/claim.ts";
import { readSignedMessage } from "../simple/read-signed-message.ts";
import { isDigestOfDocument, overOther } from "../subject.ts";
import type { EvaluateInput, LoadedKeys } from "./evaluate-input.ts";
import { matchesIdentity } from "./match-identity.ts";
import type { RequirementOutcome } from "./outcome.ts";
import type { ContainersRequirement } from "./policy.ts";

type SignedBy = Extract<ContainersRequirement, { readonly type: "signedBy" }>;

/**
 * `signedBy`: one simple signature by one of the keys, over this manifest, for a name that fits. Expired, revoked and
 * weak keys are refused here too, and so are keys revoked on this host.
 */
export async function evaluateSignedBy(
  loaded: LoadedKeys,
  requirement: SignedBy,
  input: EvaluateInput,
): Promise<RequirementOutcome> {
  if (requirement.keyType !== "GPGKeys")
    return unmet("trust/rejected-by-policy", `keyType ${requirement.keyType} is met by no signature`);
  if (loaded.missing.length > 0)
    return unmet("trust/rejected-by-policy", `it cannot read key file ${loaded.missing.join(", ")}`);
  let keys: readonly Key[];
  try {
    keys = (await Promise.all(loaded.blobs.map((bytes) => readKeys(bytes, input.atMs)))).flat().map((one) => one.key);
  } catch (reason) {
    if (reason instanceof TrustError)
      return unmet("trust/rejected-by-policy", `its keys are unusable: ${reason.message}`);
    throw reason;
  }
  const facts: SignatureFact[] = [];
  for (const one of input.signatures.filter((each) => each.kind === "simple" && each.over === "manifest"))
    facts.push(...(await judge(keys, one, { requirement, input })));
  const good = facts.find((fact) => fact.kind === "good");
  if (good?.kind === "good") {
    const { fingerprint, validUntilMs } = good;
    return {
      type: "signedBy",
      isMet: true,
      by: [{ kind: "key", fingerprint }],
      ...(validUntilMs === undefined ? {} : { validUntilMs }),
      code: "trust/rejected-by-policy",
      reason: `signed by ${fingerprint}`,
    };
  }
  const [worst] = worstFirst(facts);
  if (worst === undefined) return unmet("trust/unsigned", "it demands a simple signature, and none was found");
  return unmet(
    CODE_OF_FACT[worst.kind],
    `it demands a simple signature by its keys: ${facts.map(describeFact).join("; ")}`,
  );
}

async function judge(
  keys: readonly Key[],
  one: OfferedSignature,
  { requirement, input }: { readonly requirement: SignedBy; readonly input: EvaluateInput },
): Promise<readonly SignatureFact[]> {
  try {
    const { content, packets } = await readSignedMessage(one.bytes);
    const findings = await verifyPackets(packets, { message: content, keys, atMs: input.atMs });
    if (!findings.some((finding) => finding.kind === "good")) return findings;
    const claim = parseClaim(content, SIMPLE_TYPE);
    return findings.map((finding): SignatureFact => {
      if (finding.kind !== "good") return finding;
      const { fingerprint, signer } = finding;
      const revocation = input.keyring.revocations.get(fingerprint);
      if (revocation !== undefined)
        return { kind: "revoked", fingerprint, signer, reason: `on this host: ${revocation.reason}` };
      if (!isDigestOfDocument(input.subject.manifest, claim.manifestDigest))
        return overOther(signer, [claim.manifestDigest], fingerprint);
      if (matchesIdentity(requirement.identity, claim.dockerReference, input.image?.docker)) return finding;
      const reason = `it is for "${claim.dockerReference.slice(0, 200)}", which does not satisfy ${requirement.identity.type}`;
      return { kind: "wrong-identity", fingerprint, signer, reason };
    });
  } catch (reason) {
    if (reason instanceof TrustError && reason.code === "trust/bad-signature")
      return [{ kind: "bad", signer: one.from, reason: reason.message }];
    throw reason;
  }
}

function unmet(code: RequirementOutcome["code"], reason: string): RequirementOutcome {
  return { type: "signedBy", isMet: false, by: [], code, reason };
}
