import type * as Bundles from "@sigstore/bundle";
import type * as Core from "@sigstore/core";
import type * as Specs from "@sigstore/protobuf-specs";
import type * as Verification from "@sigstore/verify";

/** Sigstore's own libraries as values, handed to the functions that need them. */
export interface SigstoreLibrary {
  readonly bundle: typeof Bundles;
  readonly core: typeof Core;
  readonly specs: typeof Specs;
  readonly verify: typeof Verification;
}

/** Loads them on first need: a start without a sigstore signature must not pay for them. */
export async function loadSigstore(): Promise<SigstoreLibrary> {
  const [bundle, core, specs, verify] = await Promise.all([
    import("@sigstore/bundle"),
    import("@sigstore/core"),
    import("@sigstore/protobuf-specs"),
    import("@sigstore/verify"),
  ]);
  return { bundle, core, specs, verify };
}
