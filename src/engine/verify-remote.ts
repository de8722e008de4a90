import { MAX_DOCUMENT_BYTES } from "../image/decode-document.ts";
import type { Descriptor } from "../image/descriptor.ts";
import type { Digest } from "../image/digest.ts";
import type { ImageManifest } from "../image/image-config.ts";
import { readFileChunks } from "../sys/linux/file-chunks.ts";
import type { ImageSource } from "../transport/image-source.ts";
import { TrustError } from "../trust/errors.ts";
import type { OfferedSignature } from "../trust/offered-signature.ts";
import type { VerificationRecord } from "../trust/records.ts";
import type { EngineContext } from "./context.ts";
import { imageIdentity } from "./image-identity.ts";
import type { NamedArgument } from "./locate-image.ts";
import { type AcceptedImage, describeAcceptance, reportExceptions } from "./report-acceptance.ts";
import { trustConfig } from "./trust-layers.ts";

/** An image at its source. */
export interface RemoteSubject {
  readonly source: ImageSource;
  readonly image: { readonly name: string; readonly trustName: string; readonly argument: NamedArgument };
  readonly manifest: ImageManifest;
  /** What the reference means: the manifest itself, or the index it was chosen from. */
  readonly top: Descriptor;
}

interface VerifyOptions {
  readonly signal?: AbortSignal;
}

/**
 * Collects the signatures of an image where it comes from and decides; on record before anything else is downloaded.
 * @throws {TrustError} any refusal; {TransportError}
 */
export async function verifyRemote(
  ctx: EngineContext,
  { source, image, manifest, top }: RemoteSubject,
  options: VerifyOptions,
): Promise<VerificationRecord> {
  const { openTrust } = await import("../trust/trust.ts");
  const { verifyImage } = await import("../trust/verify-image.ts");
  const isIndexed = top.digest !== manifest.digest;
  const [ofManifest, ofIndex] = await Promise.all([
    source.findSignatures(manifest.digest, options),
    isIndexed ? source.findSignatures(top.digest, options) : [],
  ]);
  const signatures: readonly OfferedSignature[] = [
    ...ofManifest,
    ...ofIndex.filter((one) => one.over === "manifest").map((one) => ({ ...one, over: "index" as const })),
  ];
  // Read once already, to choose the platform.
  const index = isIndexed ? await source.readDocument(top, MAX_DOCUMENT_BYTES, options) : undefined;
  const { archivePath } = source;
  try {
    const record = await verifyImage(openTrust(trustConfig(ctx), ctx.clock), {
      name: image.trustName,
      manifest,
      image: imageIdentity(image.argument, source),
      ...(index === undefined ? {} : { index: { digest: top.digest, raw: index, mediaType: top.mediaType } }),
      signatures,
      insecure: ctx.options.insecureOptions.has("image"),
      ...(archivePath === undefined ? {} : { archive: { open: () => readFileChunks(archivePath) } }),
    });
    reportVerified(ctx, { name: image.name, record });
    return record;
  } catch (reason) {
    throw reportRefusal(ctx, { name: image.name, digest: manifest.digest }, reason);
  }
}

function reportVerified(ctx: EngineContext, { name, record }: AcceptedImage): void {
  const image = { name, digest: record.manifestDigest };
  ctx.events.report({
    type: "image.verified",
    image,
    acceptedBy: describeAcceptance(record),
    keyringHash: record.keyringHash,
    policyHash: record.policyHash,
  });
  if (record.acceptedBy.some((one) => one.kind === "insecure-option")) {
    ctx.events.report({ type: "insecure.used", options: ["image"], image });
    ctx.options.note(`WARNING: image ${name} is used WITHOUT a verified signature (--insecure-options=image)`);
  }
  reportExceptions(ctx, { name, record });
  for (const one of record.acceptedBy) {
    if (one.kind === "exception")
      ctx.options.note(`NOTE: image ${name} is used by an exception until ${one.expires}: ${one.reason}`);
  }
  for (const one of record.ignored ?? []) ctx.options.note(`NOTE: a signature of ${name} did not count: ${one}`);
}

/** Puts a refusal on record; returns the reason for throwing. */
export function reportRefusal(
  ctx: EngineContext,
  image: { readonly name: string; readonly digest: Digest },
  reason: unknown,
): unknown {
  if (reason instanceof TrustError) {
    ctx.events.report({ type: "image.refused", image, code: reason.code, reason: reason.message });
  }
  return reason;
}
