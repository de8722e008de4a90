import { createPublicKey, type KeyObject } from "node:crypto";
import { ResponseReader } from "../../audit/anchor/tpm-wire.ts";
import { sha256Hex } from "../../audit/merkle/hash.ts";
import { AttestError } from "../errors.ts";

/** An attestation key of the kind `gantry audit init` makes. */
export interface AttestationKey {
  /** TPM name, hexadecimal: the hash of all that follows. */
  readonly name: string;
  readonly key: KeyObject;
}

const ALG_ECC = 0x0023;
const ALG_SHA256 = 0x000b;
const ALG_ECDSA = 0x0018;
const ALG_NULL = 0x0010;
const CURVE_P256 = 0x0003;
/** fixedTPM, fixedParent, sensitiveDataOrigin, restricted, sign: made inside, never leaves, signs only what the TPM says. */
const WANTED = 0x0005_0032;
const DECRYPT = 0x0002_0000;

/**
 * Reads TPM2B_PUBLIC and insists on the properties that make its signatures statements of a TPM.
 * Spec: TPM 2.0 Library, Part 2, "TPMT_PUBLIC".
 * @throws {AttestError} "attest/not-proven"
 */
export function parseAttestationKey(bytes: Uint8Array): AttestationKey {
  const area = new ResponseReader(bytes).sized();
  if (area.byteLength !== bytes.byteLength - 2) throw refused("its length is wrong");
  const reader = new ResponseReader(area);
  const [type, nameAlgorithm, attributes] = [reader.u16(), reader.u16(), reader.u32()];
  if (type !== ALG_ECC || nameAlgorithm !== ALG_SHA256) throw refused("it is no elliptic curve key named by SHA-256");
  if ((attributes & WANTED) !== WANTED || (attributes & DECRYPT) !== 0)
    throw refused("it is not restricted to signing within its TPM");
  reader.sized(); // policy
  const parameters = [reader.u16(), reader.u16(), reader.u16(), reader.u16(), reader.u16()];
  const expected = [ALG_NULL, ALG_ECDSA, ALG_SHA256, CURVE_P256, ALG_NULL];
  if (parameters.some((value, at) => value !== expected[at])) throw refused("it does not sign with ECDSA P-256");
  const [x, y] = [coordinate(reader.sized()), coordinate(reader.sized())];
  return {
    name: `000b${sha256Hex(area)}`,
    key: keyOf(() => createPublicKey({ key: { kty: "EC", crv: "P-256", x, y }, format: "jwk" })),
  };
}

function coordinate(bytes: Uint8Array): string {
  const padded = Buffer.alloc(32);
  if (bytes.byteLength > 32) throw refused("a coordinate is too long");
  padded.set(bytes, 32 - bytes.byteLength);
  return padded.toString("base64url");
}

function keyOf(make: () => KeyObject): KeyObject {
  try {
    return make();
  } catch (reason) {
    throw refused("it is no point of the curve", reason);
  }
}

function refused(why: string, cause?: unknown): AttestError {
  return new AttestError("attest/not-proven", `Cannot believe attestation key: ${why}`, {
    hint: "make the node's keys with: gantry audit init",
    ...(cause === undefined ? {} : { cause }),
  });
}
