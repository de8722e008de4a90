import type { TrustMaterial } from "@sigstore/verify";
import { formatReason } from "../../base/errors.ts";
import type { SigstoreEvidence } from "../sigstore/evidence.ts";
import type { SigstoreLibrary } from "../sigstore/load-sigstore.ts";
import type { SigstoreKey } from "../sigstore/public-key.ts";
import { attempt, type Checked } from "../sigstore/verify-evidence.ts";

/** No end: the keys of a policy carry no dates. */
const ALWAYS = { start: new Date(0), end: new Date(8_640_000_000_000_000) };

/** Logs of `policy.json` as the library wants them: named by the hash of their key. */
function logsOf(rekor: readonly SigstoreKey[]): TrustMaterial["tlogs"] {
  return rekor.map(({ key, fingerprint }) => ({
    logID: Buffer.from(fingerprint, "hex"),
    baseURL: "",
    publicKey: key,
    validFor: ALWAYS,
  }));
}

/**
 * Whether the log promised, with one of the keys, to hold exactly this signature by this key. Without a promise that can
 * be checked offline the answer is no.
 */
export function verifyRekorEntry(
  lib: SigstoreLibrary,
  input: {
    readonly evidence: SigstoreEvidence;
    readonly rekor: readonly SigstoreKey[];
    /** PEM of the key that has to have signed. */
    readonly publicKey: string;
    /** PEM the entry has to name; default: that key. */
    readonly logged?: string;
  },
): Checked<undefined> {
  const { evidence, rekor, publicKey } = input;
  const [entry] = evidence.entity.tlogEntries;
  if (entry?.inclusionPromise === undefined)
    return { ok: false, reason: "it carries no promise of the transparency log" };
  const { createPublicKey } = lib.core.crypto;
  const material: TrustMaterial = {
    certificateAuthorities: [],
    timestampAuthorities: [],
    ctlogs: [],
    tlogs: logsOf(rekor),
    publicKey: () => ({ publicKey: createPublicKey(publicKey), validFor: () => true }),
  };
  const checked = attempt(lib, {
    evidence,
    material,
    thresholds: { tlogThreshold: 1, ctlogThreshold: 0, timestampThreshold: 0 },
  });
  if (!checked.ok) return checked;
  return isLoggedFor(lib, entry.canonicalizedBody, input.logged ?? publicKey);
}

/** The entry has to name this key, not only this signature. Compares the DER, as other tools do. */
function isLoggedFor(lib: SigstoreLibrary, body: Uint8Array, pem: string): Checked<undefined> {
  try {
    const document = JSON.parse(new TextDecoder().decode(body)) as {
      spec?: { signature?: { publicKey?: { content?: string } } };
    };
    const logged = Buffer.from(document.spec?.signature?.publicKey?.content ?? "", "base64").toString();
    if (lib.core.pem.toDER(logged).equals(lib.core.pem.toDER(pem))) return { ok: true, value: undefined };
    return { ok: false, reason: "the transparency log entry is for another key" };
  } catch (reason) {
    // Malformed: then it is no entry about this key either.
    return { ok: false, reason: `the transparency log entry is malformed: ${formatReason(reason)}` };
  }
}
