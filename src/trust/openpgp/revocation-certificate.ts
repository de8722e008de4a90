import type { Key, SignaturePacket } from "openpgp";
import { formatReason } from "../../base/errors.ts";
import { TrustError } from "../errors.ts";
import { loadOpenPgp, type OpenPgpLibrary } from "./load-openpgp.ts";

/** A key that its owner has revoked, as a certificate proves. */
export interface RevokedByOwner {
  readonly fingerprint: string;
  /** What the owner gave as reason. */
  readonly reason: string;
}

const MAX_CERTIFICATE_BYTES = 64 * 1024;
const BEGIN = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
const END = "-----END PGP PUBLIC KEY BLOCK-----";

/** Spec: RFC 9580, section 5.2.3.31. */
const REASONS: ReadonlyMap<number, string> = new Map([
  [0, "no reason given"],
  [1, "the key is superseded"],
  [2, "the key has been compromised"],
  [3, "the key is no longer used"],
  [32, "the user id is no longer valid"],
]);

/**
 * Verifies a revocation certificate as gpg makes it (also with the colon that gpg puts before it) against the keys at hand.
 * It counts whatever hash it was made with: refusing to revoke would be the wrong side to err on.
 * @throws {TrustError} "trust/bad-key" for what is no such certificate, or does not verify; "trust/not-found" when its key
 * is not among `keys`.
 */
export async function readRevocationCertificate(
  bytes: Uint8Array,
  keys: readonly Key[],
  atMs: number,
): Promise<RevokedByOwner> {
  if (bytes.byteLength > MAX_CERTIFICATE_BYTES) throw bad(`more than ${MAX_CERTIFICATE_BYTES} bytes`);
  const pgp = await loadOpenPgp();
  const text = new TextDecoder().decode(bytes);
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin < 0 || end < begin) throw bad("no armored certificate in it");
  const armored = text.slice(begin, end + END.length);
  const packet = await readPacket(pgp, armored);
  const key = keys.find((one) => one.getKeyID().equals(packet.issuerKeyID));
  if (key === undefined) {
    const id = packet.issuerKeyID.toHex();
    throw new TrustError("trust/not-found", `Cannot verify revocation certificate: key ${id} is not in the keyring`, {
      hint: "revoke it by its fingerprint, which needs no certificate: gantry trust revoke FINGERPRINT",
    });
  }
  try {
    await packet.verify(
      key.keyPacket,
      pgp.enums.signature.keyRevocation,
      { key: key.keyPacket },
      new Date(atMs),
      false,
      {
        ...pgp.config,
        rejectHashAlgorithms: new Set(),
      },
    );
  } catch (reason) {
    throw bad(`it does not verify: ${formatReason(reason)}`, reason);
  }
  const { reasonForRevocationFlag: flag, reasonForRevocationString: words } = packet;
  const reason = [REASONS.get(flag ?? 0) ?? "no reason given", ...(words ? [words] : [])].join(": ");
  return {
    fingerprint: key.getFingerprint().toLowerCase(),
    reason: `by its owner: ${reason.replaceAll(/\p{C}/gu, "?").slice(0, 512)}`,
  };
}

async function readPacket(pgp: OpenPgpLibrary, armored: string): Promise<SignaturePacket> {
  try {
    const { data }: { data: unknown } = await pgp.unarmor(armored);
    const binary = data instanceof Uint8Array ? data : new Uint8Array();
    const { packets } = await pgp.readSignature({ binarySignature: binary });
    const packet = Array.from<unknown>(packets).find((one) => one instanceof pgp.SignaturePacket);
    if (packet !== undefined && packet.signatureType === pgp.enums.signature.keyRevocation) return packet;
  } catch (reason) {
    throw bad("not an OpenPGP revocation", reason);
  }
  throw bad("not a revocation of a key");
}

function bad(state: string, cause?: unknown): TrustError {
  return new TrustError("trust/bad-key", `Cannot use revocation certificate: ${state}`, {
    hint: "pass a certificate as written by gpg --gen-revoke KEYID, or from ~/.gnupg/openpgp-revocs.d",
    cause,
  });
}
