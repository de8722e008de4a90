import type { Keyring } from "../keyring.ts";
import type { OfferedSignature } from "../offered-signature.ts";
import type { Subject } from "../subject.ts";
import type { ImageIdentity } from "./policy.ts";

/** What a `policy.json` is applied to. */
export interface EvaluateInput {
  /** Undefined: not known any more; the default of the file counts. */
  readonly image: ImageIdentity | undefined;
  readonly subject: Subject;
  readonly signatures: readonly OfferedSignature[];
  /** For its revocations: a key revoked on this host counts nowhere. */
  readonly keyring: Keyring;
  readonly atMs: number;
}

/** A requirement's keys as bytes, or which of them cannot be read. */
export interface LoadedKeys {
  readonly blobs: readonly Uint8Array[];
  readonly missing: readonly string[];
}
