import { combine, type DecidedBy } from "./combine.ts";
import type { ContainersOutcome } from "./containers/outcome.ts";
import type { ImageIdentity } from "./containers/policy.ts";
import { decide, findRule } from "./decide.ts";
import type { Decision } from "./decision.ts";
import { judgeOffered } from "./judge-offered.ts";
import type { JudgeCase, OfferedSignature } from "./offered-signature.ts";
import { parseKeyring, parseSigstoreKeys } from "./parse-keyring.ts";
import type { KeylessIdentity, Rule } from "./policy.ts";
import type { SignatureFact } from "./signature-fact.ts";
import type { Subject } from "./subject.ts";
import type { Trust } from "./trust.ts";

/** A signature to judge; of recorded ones the keys that were good when the signed bytes were at hand. */
export interface JudgedInput extends OfferedSignature {
  readonly goodBefore?: readonly string[];
}

/** The image to decide about. */
export interface DecideImageInput {
  /** Image name without tag. */
  readonly name: string;
  readonly subject: Subject;
  readonly image: ImageIdentity | undefined;
  readonly signatures: readonly JudgedInput[];
  readonly archive?: () => AsyncIterable<Uint8Array>;
  readonly insecure: boolean;
}

/** The decision and everything it rests on. */
export interface ImageDecision {
  readonly decision: Decision;
  readonly decidedBy: DecidedBy;
  readonly rule: Rule;
  readonly own: Decision;
  readonly containers: ContainersOutcome | undefined;
  readonly judged: readonly { readonly offered: JudgedInput; readonly facts: readonly SignatureFact[] }[];
  readonly atMs: number;
}

/** Most signatures looked at for one image; further ones are ignored. */
const MAX_OFFERED = 64;

/** Images this host made for itself: its keyring alone governs them. */
export const HOST_IMAGE: ImageIdentity = { transport: "host", scope: "" };

/** Judges every signature and asks both policies. Throws no refusal. @throws {TrustError} "trust/bad-key", "trust/bad-policy" */
export async function decideImage(trust: Trust, input: DecideImageInput): Promise<ImageDecision> {
  const atMs = trust.clock.nowMs();
  const offered = input.signatures.slice(0, MAX_OFFERED);
  const rule = findRule(trust.policy, input.name);
  const judged = await judgeAll(trust, { ...input, signatures: offered }, { rule, atMs });
  const own = decide(trust.policy, {
    name: input.name,
    manifestDigest: input.subject.manifest.digest,
    signatures: judged.flatMap((one) => one.facts),
    nowMs: atMs,
    insecure: input.insecure,
  });
  const containers = await askContainers(trust, { ...input, signatures: offered }, atMs);
  const path = trust.containers?.path ?? "";
  const combined = combine({ rule, own, containers, path, insecure: input.insecure });
  return { ...combined, rule, own, containers, judged, atMs };
}

async function judgeAll(
  trust: Trust,
  input: DecideImageInput,
  { rule, atMs }: { readonly rule: Rule; readonly atMs: number },
): Promise<ImageDecision["judged"]> {
  if (input.signatures.length === 0) return [];
  const { keyring, policy } = trust;
  const keys = { keyring, parsed: await parseKeyring(keyring, atMs), sigstore: parseSigstoreKeys(keyring) };
  const identities: readonly KeylessIdentity[] = rule.require.kind === "reject" ? [] : (rule.require.identities ?? []);
  const { name, subject, image } = input;
  const judged: { readonly offered: JudgedInput; readonly facts: readonly SignatureFact[] }[] = [];
  for (const offered of input.signatures) {
    const at: JudgeCase = {
      name,
      subject,
      identities,
      trustRoots: policy.trustRoots,
      atMs,
      ...(image === undefined ? {} : { image }),
      ...archiveOf(input, offered),
    };
    const facts = await judgeOffered(keys, offered, at);
    judged.push({ offered, facts: isMessageGone(offered, input) ? onlyGoodBefore(facts, offered) : facts });
  }
  return judged;
}

function archiveOf(input: DecideImageInput, offered: JudgedInput): Pick<JudgeCase, "archive"> {
  if (input.archive !== undefined) return { archive: input.archive };
  return offered.goodBefore === undefined ? {} : { archive: "checked-before" };
}

/** Whether a plain signature could not be held against the bytes it is over. */
function isMessageGone(offered: JudgedInput, input: DecideImageInput): boolean {
  if ((offered.kind ?? "openpgp") !== "openpgp") return false;
  if (offered.over === "archive") return input.archive === undefined;
  return (offered.over === "index" ? input.subject.index : input.subject.manifest)?.raw === undefined;
}

/** Without the message only what was good before can still be good. */
function onlyGoodBefore(facts: readonly SignatureFact[], { goodBefore = [] }: JudgedInput): readonly SignatureFact[] {
  return facts.filter((fact) => fact.kind !== "good" || goodBefore.includes(fact.fingerprint));
}

async function askContainers(
  { containers, keyring }: Trust,
  { image, subject, signatures }: DecideImageInput,
  atMs: number,
): Promise<ContainersOutcome | undefined> {
  if (containers === undefined || image?.transport === HOST_IMAGE.transport) return undefined;
  const { evaluateContainers } = await import("./containers/evaluate.ts");
  return await evaluateContainers(containers, { image, subject, signatures, keyring, atMs });
}
