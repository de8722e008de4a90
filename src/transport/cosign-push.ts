import type { Digest } from "../image/digest.ts";

/** A cosign signature to add for one manifest: the payload it is over, and the annotations that hold it. */
export interface CosignPush {
  readonly subject: Digest;
  readonly payload: Uint8Array;
  readonly annotations: Readonly<Record<string, string>>;
}
