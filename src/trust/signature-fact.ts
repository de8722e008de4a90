import type { SignatureFinding } from "./openpgp/verify-detached.ts";
import type { Scope } from "./scope.ts";

/** What a signature says about one image name: a finding, seen through the keyring's scopes and revocations. */
export type SignatureFact =
  | SignatureFinding
  | { readonly kind: "wrong-identity"; readonly fingerprint: string; readonly signer: string; readonly reason: string }
  | { readonly kind: "good-identity"; readonly subject: string; readonly issuer: string; readonly trustRoot: string }
  | { readonly kind: "wrong-prefix"; readonly fingerprint: string; readonly scopes: readonly Scope[] };
