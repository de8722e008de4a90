import { formatTimestamp } from "../base/clock.ts";
import type { Digest } from "../image/digest.ts";
import { findRule } from "../trust/decide.ts";
import { judgeSignatures } from "../trust/judge-signatures.ts";
import { keysFor } from "../trust/keyring.ts";
import { parseKeyring } from "../trust/parse-keyring.ts";
import { DEFAULT_RULE, type Policy } from "../trust/policy.ts";
import { type RecordedSignature, readRecords } from "../trust/records.ts";
import { formatScope, isCoveredBy } from "../trust/scope.ts";
import type { SignatureFact } from "../trust/signature-fact.ts";
import { judgeOne, openTrust, type Trust } from "../trust/verify-image.ts";
import type { EngineContext } from "./context.ts";
import { trustLayers } from "./trust-layers.ts";

/** A stored image to explain; `name` without tag. */
export interface ExplainInput {
  readonly name: string;
  readonly digest: Digest;
  readonly manifest: Uint8Array;
}

/**
 * What counts for an image today, a line each: the rule, exceptions, every signature kept from its verification, every
 * key that may vouch for the name. Decides nothing.
 * @throws {TrustError} "trust/bad-policy", "trust/bad-key", "trust/no-record" for a damaged record.
 */
export async function explainTrust(ctx: EngineContext, input: ExplainInput): Promise<readonly string[]> {
  const trust = openTrust(trustLayers(ctx), ctx.clock);
  const atMs = ctx.clock.nowMs();
  const record = readRecords(ctx.root, input.digest).find((one) => one.name === input.name);
  const facts: { readonly fact: SignatureFact; readonly from: string }[] = [];
  for (const one of record?.signatures ?? []) {
    for (const fact of await judge(trust, { ...input, one, atMs })) facts.push({ fact, from: one.from });
  }
  const signers = new Set(
    facts.flatMap(({ fact }) => ("fingerprint" in fact && fact.fingerprint !== undefined ? [fact.fingerprint] : [])),
  );
  const others = keysFor(trust.keyring, input.name).filter((key) => !signers.has(key.fingerprint));
  return [
    explainRule(trust.policy, input.name),
    ...explainExceptions(trust.policy, { ...input, atMs }),
    ...(record === undefined ? [`never verified under the name ${input.name}`] : []),
    ...(record !== undefined && facts.length === 0 ? ["no good signature was found when it was verified"] : []),
    ...facts.map(({ fact, from }) => `signature ${from}: ${explainFact(fact)}`),
    ...others.map(
      (key) => `key ${key.fingerprint} (${formatScope(key.scope)}): may vouch, but none of the signatures is by it`,
    ),
  ];
}

async function judge(
  trust: Trust,
  input: ExplainInput & { readonly one: RecordedSignature; readonly atMs: number },
): Promise<readonly SignatureFact[]> {
  const { one, atMs, name } = input;
  const keys = { keyring: trust.keyring, parsed: await parseKeyring(trust.keyring, atMs) };
  const message = one.form === "openpgp-referrer" ? input.manifest : "checked-before";
  const signature = new Uint8Array(Buffer.from(one.bytes, "base64"));
  const facts = await judgeOne(() => judgeSignatures(keys, { name, message, signature, atMs }), one.from);
  // Without the archive only what was good before can still be good.
  return facts.filter(
    (fact) => message !== "checked-before" || fact.kind !== "good" || one.fingerprints.includes(fact.fingerprint),
  );
}

function explainRule(policy: Policy, name: string): string {
  const rule = findRule(policy, name);
  if (rule === DEFAULT_RULE) return "no rule names it: any key trusted for the name may vouch";
  const scope = `rule for ${formatScope(rule.scope)}`;
  if (rule.require.kind === "reject") return `${scope}: refuses every image`;
  return `${scope}: wants ${rule.require.kind === "anyOf" ? "any" : "all"} of ${rule.require.keys.join(", ")}`;
}

function explainExceptions(
  policy: Policy,
  at: { readonly name: string; readonly digest: Digest; readonly atMs: number },
): string[] {
  const covering = policy.exceptions.filter((one) => isCoveredBy(one.scope, at.name));
  return covering.map((one) => {
    const end = formatTimestamp(one.expiresAtMs);
    const state =
      at.atMs >= one.expiresAtMs
        ? `expired on ${end}`
        : one.digest !== undefined && one.digest !== at.digest
          ? `is for ${one.digest} only`
          : `holds until ${end}`;
    return `exception for ${formatScope(one.scope)} (${one.reason}): ${state}`;
  });
}

function explainFact(fact: SignatureFact): string {
  switch (fact.kind) {
    case "good":
      return `good, by ${fact.fingerprint}${fact.validUntilMs === undefined ? "" : `, until ${formatTimestamp(fact.validUntilMs)}`}`;
    case "unknown-key":
      return `by ${fact.signer}, which is not in the keyring`;
    case "wrong-prefix":
      return `by ${fact.fingerprint}, which is trusted for ${fact.scopes.map(formatScope).join(", ")} only`;
    default:
      return `${fact.kind}, by ${fact.fingerprint ?? fact.signer}: ${fact.reason}`;
  }
}
