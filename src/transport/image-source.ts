import type { AciManifest } from "../image/aci/manifest.ts";
import type { Descriptor } from "../image/descriptor.ts";
import type { Digest } from "../image/digest.ts";

/** A signature as found beside an image, and where it was found (for messages). */
export interface FoundSignature {
  /** Armored or binary OpenPGP, a GPG simple signature, a cosign layer with its annotations, or a sigstore bundle. */
  readonly bytes: Uint8Array;
  readonly from: string;
  /** What the signature is over. */
  readonly over: "manifest" | "archive";
  /** `openpgp`, the default: plainly over those bytes. */
  readonly kind?: "openpgp" | "simple" | "cosign" | "bundle";
}

/**
 * A place an image can be read from: registry repository, OCI layout, archive. Nothing it returns is trusted: callers
 * check bytes against digest and size. Dispose closes connections and temporary files.
 */
export interface ImageSource extends AsyncDisposable {
  /** Short text for messages, e.g. `registry example.com/app` or `archive /tmp/app.tar`. */
  readonly place: string;
  /** Descriptor of the manifest or index that the reference names now. */
  resolve(options?: { readonly signal?: AbortSignal }): Promise<Descriptor>;
  /** The document's bytes (manifest, index, config), at most `limitBytes`. Already checked against digest and size. */
  readDocument(
    descriptor: Descriptor,
    limitBytes: number,
    options?: { readonly signal?: AbortSignal },
  ): Promise<Uint8Array>;
  /** Bytes of a blob from `fromByte` on, as they come; may be cut short by the peer. Not checked. */
  openBlob(descriptor: Descriptor, fromByte: number, options?: { readonly signal?: AbortSignal }): Promise<BlobStream>;
  /** Signatures offered for the manifest with this digest (referrers, `.asc` beside an archive). */
  findSignatures(manifest: Digest, options?: { readonly signal?: AbortSignal }): Promise<readonly FoundSignature[]>;
  /**
   * For an archive with a detached signature: the bytes the signature is over, from one private copy that everything
   * else of this source is read from too (so that what was verified is what is used).
   */
  readonly archivePath?: string;
  /** Of an archive: what `policy.json` calls this kind of place. */
  readonly policyTransport?: "oci-archive" | "docker-archive" | "aci";
  /** For an App Container Image: what it is beyond the OCI image it is shown as. */
  readonly aci?: AciFacts;
}

/** An App Container Image as it was published. */
export interface AciFacts {
  readonly manifest: AciManifest;
  /** sha512 of the uncompressed archive. */
  readonly imageId: Digest;
  /** The archive itself, which the source has as a blob. */
  readonly archive: Descriptor;
}

/** An opened blob. `startedAt` is the byte the peer really starts from (0 when it ignored the range). */
export interface BlobStream {
  readonly startedAt: number;
  readonly chunks: AsyncIterable<Uint8Array>;
}
