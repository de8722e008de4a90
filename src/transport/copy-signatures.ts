import type { Descriptor } from "../image/descriptor.ts";
import type { ImageSink, OutgoingDocument, SinkOptions } from "./image-sink.ts";
import type { ImageSource } from "./image-source.ts";
import { buildSignatureArtifact, type SignatureArtifact } from "./signature-artifact.ts";

/** Signatures that go with an image. */
export interface FoundArtifacts {
  readonly artifacts: readonly SignatureArtifact[];
  /** Signatures of forms that are bound to their place or made by others: their own tools copy those. */
  readonly leftOut: number;
}

/**
 * Finds the OpenPGP signatures over documents that were copied byte for byte; of a document that was changed they would be
 * over other bytes. Finds nothing for a sink that keeps none.
 * @throws {TransportError} when the source cannot be asked.
 */
export async function findArtifacts(
  { source, sink }: { readonly source: ImageSource; readonly sink: ImageSink },
  documents: readonly OutgoingDocument[],
  options: SinkOptions = {},
): Promise<FoundArtifacts> {
  if (sink.putSignature === undefined) return { artifacts: [], leftOut: 0 };
  const artifacts: SignatureArtifact[] = [];
  let leftOut = 0;
  for (const { descriptor } of documents) {
    for (const { over, kind, bytes } of await source.findSignatures(descriptor.digest, options)) {
      if (over !== "manifest" || (kind ?? "openpgp") !== "openpgp") leftOut++;
      else artifacts.push(buildSignatureArtifact(plain(descriptor), bytes));
    }
  }
  return { artifacts, leftOut };
}

/** Attaches them; to be called when the image is there. Returns how many. */
export async function putArtifacts(
  sink: ImageSink,
  { artifacts }: FoundArtifacts,
  options: SinkOptions = {},
): Promise<number> {
  for (const artifact of artifacts) await sink.putSignature?.(artifact, options);
  return artifacts.length;
}

function plain({ mediaType, digest, sizeBytes }: Descriptor): Descriptor {
  return { mediaType, digest, sizeBytes, annotations: {} };
}
