import { MAX_DOCUMENT_BYTES } from "../image/decode-document.ts";
import { parseImageName } from "../image/image-name.ts";
import { hostPlatform } from "../image/platform.ts";
import { parseImageArgument } from "../image/reference.ts";
import { StoreError } from "../store/errors.ts";
import type { Decision } from "../trust/decision.ts";
import { readRecords, type VerificationRecord } from "../trust/records.ts";
import { openTrust, type Trust } from "../trust/trust.ts";
import type { EngineContext } from "./context.ts";
import type { TrustVerdict } from "./engine-calls.ts";
import { containersVerdict, explainRule, explainSignatures, explainTrust } from "./explain-trust.ts";
import { dockerIdentity, imageIdentity } from "./image-identity.ts";
import { type LocatedImage, locateImage } from "./locate-image.ts";
import { describeAcceptance } from "./report-acceptance.ts";
import { trustConfig } from "./trust-layers.ts";

/**
 * `trust check` and `trust explain`: would this image start now, which rule decides, and why: one line per rule, signature
 * and key looked at. Judges by today's keys and policies; the answer is the one a start would get. Asks no network. With
 * `onlyRules` an image that is not stored is explained too, as one without signatures.
 * @throws {StoreError} "store/not-found" when the image is not stored; {TrustError} "trust/bad-policy", "trust/bad-key".
 */
export async function checkTrust(
  ctx: EngineContext,
  input: { readonly image: string; readonly onlyRules?: boolean },
): Promise<TrustVerdict> {
  const argument = parseImageArgument(input.image);
  const platform = hostPlatform(process.arch);
  const pullPolicy = input.onlyRules === true ? "new" : "never";
  const located = locateImage(ctx, argument, { platform, pullPolicy });
  if (located.stored === undefined && input.onlyRules !== true) throw notStored(input.image);
  const trust = openTrust(trustConfig(ctx), ctx.clock);
  const { decided, record } = await decideLocated(ctx, trust, located);
  const digest = located.stored?.digest;
  const reasons = explainTrust(trust, {
    name: located.trustName,
    ...(digest === undefined ? {} : { digest }),
    decided,
    hasRecord: record !== undefined,
  });
  const outcome = outcomeOf(decided.decision, { located, record, insecure: ctx.options.insecureOptions.has("image") });
  const containers = containersVerdict(trust, decided.containers);
  return {
    image: located.name,
    ...(digest === undefined ? {} : { digest }),
    stored: digest !== undefined,
    decidedBy: decided.decidedBy,
    rule: explainRule(decided.rule),
    ...(containers === undefined ? {} : { containersPolicy: containers }),
    signatures: explainSignatures(decided),
    ...outcome,
    reasons: [...reasons, ...outcome.reasons],
  };
}

// The same decision as at a start, made on records in memory: looking must leave no trace.
async function decideLocated(ctx: EngineContext, trust: Trust, located: LocatedImage) {
  const { decideImage } = await import("../trust/decide-image.ts");
  const { decideRecorded } = await import("../trust/redecide.ts");
  const { stored, trustName: name, argument } = located;
  const insecure = ctx.options.insecureOptions.has("image");
  const image = argument === undefined ? undefined : imageIdentity(argument, {});
  if (stored === undefined) {
    const subject = { manifest: { digest: "" } };
    const decided = await decideImage(trust, { name, subject, image, signatures: [], insecure });
    return { decided, record: undefined };
  }
  const manifest = ctx.images.readBlob(stored, MAX_DOCUMENT_BYTES);
  const record = readRecords(ctx.root, stored.digest).find((one) => one.name === name);
  const { decided } = await decideRecorded(trust, {
    name,
    manifestDigest: stored.digest,
    docker: dockerIdentity(parseImageName(located.name)).docker ?? located.name,
    insecure,
    readManifest: () => manifest,
    record,
  });
  return { decided, record };
}

interface Circumstances {
  readonly located: LocatedImage;
  readonly record: VerificationRecord | undefined;
  readonly insecure: boolean;
}

function outcomeOf(
  decision: Decision,
  { located, record, insecure }: Circumstances,
): Pick<TrustVerdict, "accepted" | "reasons" | "verifiedBy" | "code" | "hint"> {
  const refuse = (code: string, reason: string, hint: string) => ({
    accepted: false,
    verifiedBy: [],
    code,
    hint,
    reasons: [`refused (${code}): ${reason}`, `to change that: ${hint}`],
  });
  if (decision.kind === "refuse" && (record !== undefined || located.stored === undefined))
    return refuse(decision.code, decision.reason, decision.hint);
  if (record === undefined && located.stored !== undefined && !insecure) {
    const reason = `${located.stored.digest} was never verified under this name`;
    return refuse("trust/no-record", reason, `verify it: gantry fetch ${located.name}`);
  }
  if (decision.kind === "refuse") return refuse(decision.code, decision.reason, decision.hint);
  const verifiedBy = describeAcceptance({ acceptedBy: decision.by });
  const rules = decision.by.flatMap((one) => ("rule" in one && one.rule !== undefined ? [` (${one.rule})`] : [""]));
  return {
    accepted: true,
    verifiedBy,
    reasons: [`accepted by ${verifiedBy.map((one, i) => `${one}${rules[i] ?? ""}`).join(", ")}`],
  };
}

function notStored(image: string): StoreError {
  return new StoreError("store/not-found", `Cannot check image "${image.slice(0, 200)}": not in the store`, {
    hint: `fetch it, which verifies it: gantry fetch ${image.slice(0, 200)}`,
  });
}
