import type { Descriptor } from "./descriptor.ts";
import type { Digest } from "./digest.ts";

/** A list of manifests, one per platform or per name; `raw` is what the digest is over. */
export interface ImageIndex {
  readonly raw: Uint8Array;
  readonly digest: Digest;
  readonly mediaType: string;
  readonly manifests: readonly Descriptor[];
  readonly annotations: Readonly<Record<string, string>>;
}
