import type { Descriptor } from "../image/descriptor.ts";
import type { Digest } from "../image/digest.ts";
import { ImageError } from "../image/errors.ts";
import { TransportError } from "./errors.ts";
import type { FoundSignature } from "./image-source.ts";
import { MAX_BUNDLE_BYTES, MAX_SIGNATURES, signatureLayer } from "./signature-artifact.ts";

const MAX_ARTIFACT_BYTES = 1_048_576;

/** Reads one small document by descriptor, checked. */
export type DocumentReader = (descriptor: Descriptor, limitBytes: number) => Promise<Uint8Array>;

/**
 * Signatures of `subject` among the candidates, at most 32, in the order listed. A candidate that is malformed, missing
 * or no signature is passed over: it can vouch for nothing, and must not hide a good one. Failures of the place itself
 * come through.
 */
export async function collectSignatures(
  read: DocumentReader,
  {
    subject,
    candidates,
    place,
  }: { readonly subject: Digest; readonly candidates: readonly Descriptor[]; readonly place: string },
): Promise<readonly FoundSignature[]> {
  const found: FoundSignature[] = [];
  for (const candidate of candidates.slice(0, MAX_SIGNATURES)) {
    try {
      const manifest = await read(candidate, MAX_ARTIFACT_BYTES);
      const signature = signatureLayer(manifest, subject);
      if (signature === undefined) continue;
      const { layer, kind } = signature;
      found.push({
        bytes: await read(layer, MAX_BUNDLE_BYTES),
        from: `${place}@${candidate.digest}`,
        over: "manifest",
        ...(kind === "bundle" ? { kind } : {}),
      });
    } catch (reason) {
      if (!isItsOwnFault(reason)) throw reason;
    }
  }
  return found;
}

/** Whether a candidate is to blame for a failure, not the place it is at. */
export function isItsOwnFault(reason: unknown): boolean {
  if (reason instanceof ImageError) return true;
  if (!(reason instanceof TransportError)) return false;
  return ["transport/not-found", "transport/bad-answer", "transport/unsupported", "transport/bad-archive"].includes(
    reason.code,
  );
}
