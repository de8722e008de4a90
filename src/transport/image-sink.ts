import type { Descriptor } from "../image/descriptor.ts";
import type { CosignPush } from "./cosign-push.ts";
import type { SignatureArtifact } from "./signature-artifact.ts";

/** How a blob got to its place. */
export type BlobOutcome = "present" | "mounted" | "written";

/** A blob on its way: its bytes from any byte on, checked by whoever keeps them. */
export interface OutgoingBlob {
  readonly descriptor: Descriptor;
  /** Bytes from `fromByte` on, to the end; the stream throws when the source breaks off. */
  open(fromByte: number): AsyncIterable<Uint8Array>;
}

/** A manifest or index on its way, byte for byte. */
export interface OutgoingDocument {
  readonly descriptor: Descriptor;
  readonly raw: Uint8Array;
}

/** How a caller gives up, and hears how far things are. */
export interface SinkOptions {
  readonly signal?: AbortSignal;
  /** Bytes that have reached the sink since the last call. */
  readonly onBytes?: (count: number) => void;
}

/**
 * A place an image can be written to: registry repository, OCI layout, archive. Blobs come first, then the documents
 * that name them, and `commit` last; before that nothing has a name, and disposing without it leaves what was there.
 */
export interface ImageSink extends AsyncDisposable {
  /** Short text for messages. */
  readonly place: string;
  /** How many blobs may be written at once. */
  readonly parallel: number;
  /** Whether only OCI documents may be written here. */
  readonly ociOnly: boolean;
  putBlob(blob: OutgoingBlob, options?: SinkOptions): Promise<BlobOutcome>;
  putDocument(document: OutgoingDocument, options?: SinkOptions): Promise<void>;
  /** Attaches a signature to a document that is there, after `commit`. Missing where there is no place for one. */
  putSignature?(signature: SignatureArtifact, options?: SinkOptions): Promise<void>;
  /** Adds a cosign signature to a document that is there; false: it was there already. Missing as above. */
  putCosignSignature?(signature: CosignPush, options?: SinkOptions): Promise<boolean>;
  /** Gives the top document its name. */
  commit(top: OutgoingDocument, options?: SinkOptions): Promise<void>;
}
