import { MAX_DOCUMENT_BYTES } from "../image/decode-document.ts";
import type { Descriptor } from "../image/descriptor.ts";
import { hostPlatform } from "../image/platform.ts";
import { parseImageArgument } from "../image/reference.ts";
import { StoreError } from "../store/errors.ts";
import { TrustError } from "../trust/errors.ts";
import { recheck } from "../trust/recheck.ts";
import { readRecords } from "../trust/records.ts";
import type { EngineContext } from "./context.ts";
import type { TrustVerdict } from "./engine-calls.ts";
import { explainTrust } from "./explain-trust.ts";
import { describeAcceptance } from "./fetch-image.ts";
import { type LocatedImage, locateImage } from "./locate-image.ts";
import { trustLayers } from "./trust-layers.ts";

/**
 * `trust check`: would this stored image start now, and why: one line per rule, signature and key looked at. Judges by
 * today's keys and policy; the answer is the one a start would get. Asks no network.
 * @throws {StoreError} "store/not-found" when the image is not stored; {TrustError} "trust/bad-policy", "trust/bad-key".
 */
export async function checkTrust(ctx: EngineContext, input: { readonly image: string }): Promise<TrustVerdict> {
  const located = locateImage(ctx, parseImageArgument(input.image), {
    platform: hostPlatform(process.arch),
    pullPolicy: "never",
  });
  const { stored, name, trustName } = located;
  if (stored === undefined) throw notStored(input.image);
  const manifest = ctx.images.readBlob(stored, MAX_DOCUMENT_BYTES);
  const reasons = await explainTrust(ctx, { name: trustName, digest: stored.digest, manifest });
  const verdict = { image: name, digest: stored.digest };
  try {
    const record = await recheckStored(ctx, located, { stored, manifest });
    const verifiedBy = describeAcceptance(record);
    return { ...verdict, accepted: true, reasons: [...reasons, `accepted by ${verifiedBy.join(", ")}`], verifiedBy };
  } catch (reason) {
    if (!(reason instanceof TrustError) || BROKEN.has(reason.code)) throw reason;
    const hint = reason.hint === undefined ? [] : [`to change that: ${reason.hint}`];
    return {
      ...verdict,
      accepted: false,
      reasons: [...reasons, `refused (${reason.code}): ${reason.message}`, ...hint],
      verifiedBy: [],
    };
  }
}

/** Codes that say that nothing can be decided, not that this image is refused. */
const BROKEN: ReadonlySet<string> = new Set(["trust/bad-policy", "trust/bad-key", "trust/bad-scope"]);

// The same decision as at a start, made on records in memory: looking must leave no trace.
async function recheckStored(
  ctx: EngineContext,
  { trustName }: LocatedImage,
  { stored, manifest }: { readonly stored: Descriptor; readonly manifest: Uint8Array },
) {
  const input = {
    name: trustName,
    manifestDigest: stored.digest,
    insecure: ctx.options.insecureOptions.has("image"),
    readManifest: () => manifest,
  };
  const host = { layers: trustLayers(ctx), clock: ctx.clock, store: ctx.root };
  const record = readRecords(ctx.root, stored.digest).find((one) => one.name === trustName);
  if (record === undefined && !input.insecure) return await recheck(host, input); // refuses, and writes nothing
  const { redecide } = await import("../trust/redecide.ts");
  return await redecide(host, { ...input, record });
}

function notStored(image: string): StoreError {
  return new StoreError("store/not-found", `Cannot check image "${image.slice(0, 200)}": not in the store`, {
    hint: `fetch it, which verifies it: gantry fetch ${image.slice(0, 200)}`,
  });
}
