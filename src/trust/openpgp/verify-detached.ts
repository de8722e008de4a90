import type { AnyKeyPacket, Key, SignaturePacket } from "openpgp";
import { formatReason } from "../../base/errors.ts";
import { TrustError } from "../errors.ts";
import { createSignedHasher, findHashWeakness, type HashedPart, type SignedHasher } from "./hash-signed.ts";
import { readSignerStanding } from "./key-standing.ts";
import { loadOpenPgp, type OpenPgpLibrary } from "./load-openpgp.ts";
import { isArmored } from "./read-keys.ts";

/** Largest signature file, in bytes, and most signatures looked at in one. */
export const MAX_SIGNATURE_BYTES = 256 * 1024;
const MAX_SIGNATURES = 32;

/** What one signature is worth at a moment. `fingerprint` is the primary key's, `signer` the signing part's key id. */
export type SignatureFinding =
  | { readonly kind: "good"; readonly fingerprint: string; readonly signer: string; readonly validUntilMs?: number }
  | { readonly kind: "unknown-key"; readonly signer: string }
  | {
      readonly kind: "bad" | "expired" | "revoked" | "weak";
      readonly fingerprint?: string;
      readonly signer: string;
      readonly reason: string;
    };

/** Bytes that are signed: in memory, in chunks (constant memory), or `checked-before` to look at keys only. */
export type SignedMessage = Uint8Array | AsyncIterable<Uint8Array> | "checked-before";

/** One detached signature file and what it is said to be over. */
export interface DetachedInput {
  readonly message: SignedMessage;
  /** Armored or binary; may hold several signatures. */
  readonly signature: Uint8Array;
  /** Candidate keys, whole. */
  readonly keys: readonly Key[];
  readonly atMs: number;
}

type Open = {
  readonly packet: SignaturePacket;
  readonly part: HashedPart;
  readonly key: Key;
  readonly signer: string;
  readonly validUntilMs?: number;
  readonly hasher: SignedHasher;
};

/**
 * Judges every signature in a detached signature file. The message is read once; only hashes are kept.
 * @throws {TrustError} "trust/bad-signature" when the file is not an OpenPGP signature at all.
 */
export async function verifyDetached(input: DetachedInput): Promise<readonly SignatureFinding[]> {
  return await verifyPackets(await parseSignatures(await loadOpenPgp(), input.signature), input);
}

/** The same for signature packets that came out of a signed message. */
export async function verifyPackets(
  packets: readonly SignaturePacket[],
  input: Omit<DetachedInput, "signature">,
): Promise<readonly SignatureFinding[]> {
  const pgp = await loadOpenPgp();
  const judged: (SignatureFinding | Open)[] = [];
  for (const packet of packets) judged.push(await judgeBeforeHash(pgp, packet, input));
  const open = judged.filter((one) => "hasher" in one);
  if (open.length > 0 && input.message !== "checked-before") {
    for await (const chunk of input.message instanceof Uint8Array ? [input.message] : input.message) {
      for (const one of open) one.hasher.update(chunk);
    }
  }
  const findings: SignatureFinding[] = [];
  for (const one of judged) findings.push("hasher" in one ? await judgeHash(one, input) : one);
  return findings;
}

async function parseSignatures(pgp: OpenPgpLibrary, bytes: Uint8Array): Promise<readonly SignaturePacket[]> {
  const tooLarge = bytes.byteLength > MAX_SIGNATURE_BYTES;
  if (tooLarge || bytes.byteLength === 0)
    throw notSignature(tooLarge ? `more than ${MAX_SIGNATURE_BYTES} bytes` : "empty");
  try {
    const signature = isArmored(bytes)
      ? await pgp.readSignature({ armoredSignature: new TextDecoder().decode(bytes) })
      : await pgp.readSignature({ binarySignature: bytes });
    const packets = Array.from<unknown>(signature.packets).filter((packet) => packet instanceof pgp.SignaturePacket);
    if (packets.length > 0 && packets.length <= MAX_SIGNATURES) return packets;
  } catch (reason) {
    throw notSignature("not an OpenPGP signature", reason);
  }
  throw notSignature(`not between 1 and ${MAX_SIGNATURES} signatures in it`);
}

async function judgeBeforeHash(
  pgp: OpenPgpLibrary,
  packet: SignaturePacket,
  input: Omit<DetachedInput, "signature">,
): Promise<SignatureFinding | Open> {
  const signer = packet.issuerKeyID.toHex();
  const key = findKey(packet, input.keys);
  if (key === undefined) return { kind: "unknown-key", signer };
  const fingerprint = key.getFingerprint().toLowerCase();
  const standing = await readSignerStanding(pgp, key, { keyIdHex: signer, atMs: input.atMs });
  if (standing.state !== "valid") {
    return {
      kind: standing.state === "unusable" ? "bad" : standing.state,
      fingerprint,
      signer,
      reason: standing.reason,
    };
  }
  if (packet.signatureType !== pgp.enums.signature.binary) {
    return { kind: "bad", fingerprint, signer, reason: "it is not a signature over binary data" };
  }
  const part = readHashedPart(packet);
  const weak = findHashWeakness(part.hashAlgorithm);
  if (weak !== undefined) return { kind: "weak", fingerprint, signer, reason: weak };
  const hasher = createSignedHasher(part);
  if (hasher === undefined) return { kind: "bad", fingerprint, signer, reason: "its version or salt is not supported" };
  const end = packet.getExpirationTime();
  const ends = [standing.expiresAtMs, end instanceof Date ? end.getTime() : undefined].filter((ms) => ms !== undefined);
  return { packet, part, key, signer, hasher, ...(ends.length === 0 ? {} : { validUntilMs: Math.min(...ends) }) };
}

async function judgeHash(open: Open, input: Omit<DetachedInput, "signature">): Promise<SignatureFinding> {
  const fingerprint = open.key.getFingerprint().toLowerCase();
  const good: SignatureFinding = {
    kind: "good",
    fingerprint,
    signer: open.signer,
    ...(open.validUntilMs === undefined ? {} : { validUntilMs: open.validUntilMs }),
  };
  if (input.message === "checked-before") {
    if (open.validUntilMs === undefined || input.atMs < open.validUntilMs) return good;
    return { kind: "expired", fingerprint, signer: open.signer, reason: "the signature has expired" };
  }
  try {
    await verifyHash(open, input.atMs);
    return good;
  } catch (reason) {
    // Which check of the library failed is part of the finding; the decision quotes it.
    return { kind: "bad", fingerprint, signer: open.signer, reason: formatReason(reason) };
  }
}

async function verifyHash(open: Open, atMs: number): Promise<void> {
  const part = open.key.getKeys().find((one) => one.getKeyID().toHex() === open.signer);
  const keyPacket: AnyKeyPacket = (part ?? open.key).keyPacket;
  // The library takes a finished hash in `hashed`, as it does for one-pass signatures: its own streaming buffers the
  // whole message in memory.
  const hashed: { hashed: Uint8Array } = open.packet as unknown as { hashed: Uint8Array };
  hashed.hashed = open.hasher.digest();
  await open.packet.verify(keyPacket, 0, {}, new Date(atMs), true);
}

/** By fingerprint when the signature names one (key ids can collide), else by key id. */
function findKey(packet: SignaturePacket, keys: readonly Key[]): Key | undefined {
  const wanted = packet.issuerFingerprint === null ? undefined : Buffer.from(packet.issuerFingerprint).toString("hex");
  return keys.find((key) =>
    key
      .getKeys()
      .some((part) =>
        wanted === undefined
          ? part.getKeyID().equals(packet.issuerKeyID)
          : part.getFingerprint().toLowerCase() === wanted,
      ),
  );
}

function readHashedPart(packet: SignaturePacket): HashedPart {
  return packet as unknown as HashedPart;
}

function notSignature(state: string, cause?: unknown): TrustError {
  return new TrustError("trust/bad-signature", `Cannot read signature: ${state}`, {
    hint: "sign again: gantry sign --key KEYFILE IMAGE",
    cause,
  });
}
