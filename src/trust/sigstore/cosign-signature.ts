import { formatReason } from "../../base/errors.ts";
import { parseJsonStrict } from "../../base/json.ts";
import { TrustError } from "../errors.ts";

/** One layer of a cosign `.sig` manifest: what is signed, and the annotations with signature and proofs. */
export interface CosignSignature {
  readonly payload: Uint8Array;
  readonly annotations: Readonly<Record<string, string>>;
  readonly signature: Buffer;
  readonly signatureBase64: string;
  /** PEM of the signer's certificate. */
  readonly certificate?: string;
  /** PEM of the chain above it. */
  readonly chain?: string;
  /** JSON of the transparency log's promise. */
  readonly rekor?: string;
}

const PREFIX = "dev.sigstore.cosign/";
/** Annotation names. Spec: sigstore cosign, specs/SIGNATURE_SPEC.md. */
export const COSIGN_SIGNATURE = "dev.cosignproject.cosign/signature";
const MAX_BYTES = 512 * 1024;

/** The file form in which transport hands a layer on, and records keep it. */
export function encodeCosignSignature(layer: {
  readonly payload: Uint8Array;
  readonly annotations: Readonly<Record<string, string>>;
}): Uint8Array {
  const payload = Buffer.from(layer.payload).toString("base64");
  return new TextEncoder().encode(JSON.stringify({ payload, annotations: layer.annotations }));
}

/** @throws {TrustError} "trust/bad-signature" */
export function parseCosignSignature(bytes: Uint8Array): CosignSignature {
  let document: unknown;
  try {
    document = parseJsonStrict(bytes, { limitBytes: MAX_BYTES });
  } catch (reason) {
    throw bad(formatReason(reason), reason);
  }
  const fields = new Map<string, unknown>(Object.entries(asObject(document)));
  const notes = new Map<string, unknown>(Object.entries(asObject(fields.get("annotations"))));
  const payload = fields.get("payload");
  const signatureBase64 = notes.get(COSIGN_SIGNATURE);
  if (typeof payload !== "string" || typeof signatureBase64 !== "string") throw bad("no signature in it");
  const text = (name: string, key: string) => {
    const value = notes.get(`${PREFIX}${name}`);
    return typeof value === "string" && value !== "" ? { [key]: value } : {};
  };
  return {
    payload: new Uint8Array(Buffer.from(payload, "base64")),
    annotations: Object.fromEntries([...notes].filter((one): one is [string, string] => typeof one[1] === "string")),
    signature: Buffer.from(signatureBase64, "base64"),
    signatureBase64,
    ...text("certificate", "certificate"),
    ...text("chain", "chain"),
    ...text("bundle", "rekor"),
  };
}

function asObject(value: unknown): object {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
}

function bad(state: string, cause?: unknown): TrustError {
  return new TrustError("trust/bad-signature", `Cannot read cosign signature: ${state}`, {
    hint: "sign again: gantry sign --format=cosign --key KEYFILE IMAGE",
    cause,
  });
}
