import type { ImageIdentity } from "./containers/policy.ts";
import type { KeylessIdentity } from "./policy.ts";
import type { Subject } from "./subject.ts";

/** How a signature is made and where it comes from. `openpgp`: over the document's bytes; `simple`: GPG simple signing. */
export type SignatureKind = "openpgp" | "simple" | "cosign" | "bundle";

/** A signature as a source offers it; structurally what `transport` finds. */
export interface OfferedSignature {
  readonly bytes: Uint8Array;
  readonly from: string;
  readonly over: "manifest" | "archive" | "index";
  /** Default `openpgp`. */
  readonly kind?: SignatureKind;
}

/** What a signature is judged against. */
export interface JudgeCase {
  /** Image name without tag. */
  readonly name: string;
  readonly subject: Subject;
  readonly image?: ImageIdentity;
  /** The archive's bytes, reopened for each signature; `checked-before` when it is gone. */
  readonly archive?: (() => AsyncIterable<Uint8Array>) | "checked-before";
  readonly identities: readonly KeylessIdentity[];
  readonly trustRoots: ReadonlyMap<string, Uint8Array>;
  readonly atMs: number;
}
