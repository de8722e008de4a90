import type { SignatureFinding } from "./openpgp/verify-detached.ts";
import type { Scope } from "./scope.ts";

/** What a signature says about one image name: a finding, seen through the keyring's scopes and revocations. */
export type SignatureFact =
  | SignatureFinding
  | { readonly kind: "wrong-prefix"; readonly fingerprint: string; readonly scopes: readonly Scope[] };
