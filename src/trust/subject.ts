import { type Digest, digestOf, parseDigest, splitDigest } from "../image/digest.ts";
import { ImageError } from "../image/errors.ts";
import { parseIndex } from "../image/parse-index.ts";
import type { SignatureFact } from "./signature-fact.ts";

/** A document a signature may be over; `raw` may be gone by the time of a recheck. */
export interface SubjectDocument {
  readonly digest: string;
  readonly raw?: Uint8Array;
  /** Media type; needed of an index only. */
  readonly mediaType?: string;
}

/** What signatures of an image may be about: its manifest, and the index the manifest was chosen from. */
export interface Subject {
  readonly manifest: SubjectDocument;
  readonly index?: SubjectDocument;
}

/** Whether a digest someone signed is that of the document, whatever its algorithm. */
export function isDigestOfDocument(document: SubjectDocument, claimed: string): boolean {
  if (claimed === document.digest) return true;
  if (document.raw === undefined) return false;
  try {
    return digestOf(document.raw, splitDigest(parseDigest(claimed)).algorithm) === claimed;
  } catch (reason) {
    // A digest of an unknown kind is the digest of nothing.
    if (reason instanceof ImageError) return false;
    throw reason;
  }
}

/** Whether the index is the one it says it is, and names the manifest: only then its signature covers the manifest. */
export function isIndexOf(subject: Subject): boolean {
  const { index, manifest } = subject;
  if (index?.raw === undefined) return false;
  try {
    const { algorithm } = splitDigest(parseDigest(index.digest));
    const names = parseIndex(index.raw, index.mediaType).manifests.map((one): Digest => one.digest);
    return digestOf(index.raw, algorithm) === index.digest && names.some((digest) => digest === manifest.digest);
  } catch (reason) {
    // What is no index vouches for nothing.
    if (reason instanceof ImageError) return false;
    throw reason;
  }
}

/** The finding about a signature over something else. */
export function overOther(signer: string, claimed: readonly string[], fingerprint?: string): SignatureFact {
  const what = claimed.length === 0 ? "something else" : claimed.map((one) => one.slice(0, 140)).join(", ");
  return {
    kind: "bad",
    signer,
    ...(fingerprint === undefined ? {} : { fingerprint }),
    reason: `it is over ${what}, not over this image`,
  };
}
