import type { TrustErrorCode } from "./errors.ts";
import type { SignatureFact } from "./signature-fact.ts";

/** What let an image pass. */
export type Acceptance =
  | { readonly kind: "key"; readonly fingerprint: string; readonly rule?: string }
  | { readonly kind: "identity"; readonly subject: string; readonly issuer: string; readonly rule?: string }
  | { readonly kind: "exception"; readonly reason: string; readonly expires: string }
  | { readonly kind: "insecure-option" };

/** The outcome for one name and manifest. A refusal's hint is the next command to type. */
export type Decision =
  | { readonly kind: "accept"; readonly by: readonly Acceptance[]; readonly validUntilMs?: number }
  | Refusal;

/** Why an image may not run. */
export interface Refusal {
  readonly kind: "refuse";
  readonly code: TrustErrorCode;
  readonly reason: string;
  readonly hint: string;
}

/** Facts to decide on; `signatures` are already checked cryptographically. */
export interface DecisionInput {
  /** Image name without tag or digest. */
  readonly name: string;
  readonly manifestDigest: string;
  readonly signatures: readonly SignatureFact[];
  readonly nowMs: number;
  /** `--insecure-options=image`: accepts what would be refused, except names a rule rejects. */
  readonly insecure: boolean;
}
