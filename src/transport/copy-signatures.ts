import type { Descriptor } from "../image/descriptor.ts";
import { TrustError } from "../trust/errors.ts";
import { parseCosignSignature } from "../trust/sigstore/cosign-signature.ts";
import { SIGN_PREDICATE } from "../trust/sigstore/evidence.ts";
import { buildBundleArtifact } from "./bundle-artifact.ts";
import type { CosignPush } from "./cosign-push.ts";
import type { ImageSink, OutgoingDocument, SinkOptions } from "./image-sink.ts";
import type { FoundSignature, ImageSource } from "./image-source.ts";
import { buildSignatureArtifact, type SignatureArtifact } from "./signature-artifact.ts";

/** Signatures that go with an image. */
export interface FoundArtifacts {
  readonly artifacts: readonly SignatureArtifact[];
  readonly cosign: readonly CosignPush[];
  /** Signatures that the sink has no place for, or that are bound to the place they are in. */
  readonly leftOut: number;
}

/**
 * Finds the signatures over documents that were copied byte for byte; of a document that was changed they would be over
 * other bytes. OpenPGP signatures and sigstore bundles can go wherever signatures can, cosign's own form where there are
 * tags. GPG simple signatures name one place and stay there. Finds nothing for a sink that keeps none.
 * @throws {TransportError} when the source cannot be asked.
 */
export async function findArtifacts(
  { source, sink }: { readonly source: ImageSource; readonly sink: ImageSink },
  documents: readonly OutgoingDocument[],
  options: SinkOptions = {},
): Promise<FoundArtifacts> {
  if (sink.putSignature === undefined) return { artifacts: [], cosign: [], leftOut: 0 };
  const artifacts: SignatureArtifact[] = [];
  const cosign: CosignPush[] = [];
  let leftOut = 0;
  for (const { descriptor } of documents) {
    for (const found of await source.findSignatures(descriptor.digest, options)) {
      const artifact = artifactOf(found, descriptor);
      const push = sink.putCosignSignature === undefined ? undefined : cosignOf(found, descriptor);
      if (artifact !== undefined) artifacts.push(artifact);
      else if (push !== undefined) cosign.push(push);
      else leftOut++;
    }
  }
  return { artifacts, cosign, leftOut };
}

/** Attaches them; to be called when the image is there. Returns how many are there now. */
export async function putArtifacts(
  sink: ImageSink,
  { artifacts, cosign }: FoundArtifacts,
  options: SinkOptions = {},
): Promise<number> {
  for (const artifact of artifacts) await sink.putSignature?.(artifact, options);
  for (const push of cosign) await sink.putCosignSignature?.(push, options);
  return artifacts.length + cosign.length;
}

function artifactOf({ over, kind, bytes }: FoundSignature, descriptor: Descriptor): SignatureArtifact | undefined {
  if (over !== "manifest") return undefined;
  const { mediaType, digest, sizeBytes } = descriptor;
  const subject = { mediaType, digest, sizeBytes, annotations: {} };
  if ((kind ?? "openpgp") === "openpgp") return buildSignatureArtifact(subject, bytes);
  return kind === "bundle" ? buildBundleArtifact(subject, { bytes, predicateType: SIGN_PREDICATE }) : undefined;
}

function cosignOf({ over, kind, bytes }: FoundSignature, { digest }: Descriptor): CosignPush | undefined {
  if (over !== "manifest" || kind !== "cosign") return undefined;
  try {
    const { payload, annotations } = parseCosignSignature(bytes);
    return { subject: digest, payload, annotations };
  } catch (reason) {
    // What is no signature stays where it is: it says nothing about the image.
    if (reason instanceof TrustError) return undefined;
    throw reason;
  }
}
