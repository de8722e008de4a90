import type { TrustMaterial } from "@sigstore/verify";
import { formatReason } from "../../base/errors.ts";
import { parseJsonStrict } from "../../base/json.ts";
import { TrustError } from "../errors.ts";
import type { SigstoreLibrary } from "./load-sigstore.ts";

const MAX_ROOT_BYTES = 1024 * 1024;

/** Certificate authorities and logs that keyless signatures are checked against. */
export interface TrustRoot {
  readonly name: string;
  readonly material: TrustMaterial;
}

/**
 * Reads a `trusted_root.json` as sigstore publishes it or a private instance writes it. Nothing is ever fetched.
 * @throws {TrustError} "trust/bad-policy"
 */
export function readTrustRoot(
  lib: SigstoreLibrary,
  input: { readonly name: string; readonly bytes: Uint8Array },
): TrustRoot {
  try {
    const document = parseJsonStrict(input.bytes, { limitBytes: MAX_ROOT_BYTES });
    const root = lib.specs.TrustedRoot.fromJSON(document);
    const material = lib.verify.toTrustMaterial(root, () => {
      throw new TrustError("trust/unknown-key", `Cannot use trust root "${input.name}": it holds no such key`, {
        hint: "trust the key: gantry trust add --prefix NAME cosign.pub",
      });
    });
    if (material.certificateAuthorities.length > 0) return { name: input.name, material };
  } catch (reason) {
    throw badRoot(input.name, formatReason(reason), reason);
  }
  throw badRoot(input.name, "it names no certificate authority");
}

function badRoot(name: string, state: string, cause?: unknown): TrustError {
  return new TrustError("trust/bad-policy", `Cannot use trust root "${name}": ${state}`, {
    hint: "put sigstore's trusted_root.json, or that of your own instance, there",
    cause,
  });
}
