import { ResponseReader } from "../../audit/anchor/tpm-wire.ts";
import { AttestError } from "../errors.ts";

/** TPMS_ATTEST: what a TPM signs. Hexadecimal where not bytes. Spec: TPM 2.0 Library, Part 2, "Attestation Structures". */
export interface AttestStructure {
  /** The nonce. */
  readonly extraData: string;
  readonly clockMs: number;
  readonly resetCount: number;
  readonly restartCount: number;
  readonly attested:
    | { readonly kind: "nv"; readonly indexName: string; readonly offset: number; readonly contents: string }
    | { readonly kind: "quote"; readonly pcrDigest: string };
}

const MAGIC = 0xff544347;
const TYPE_NV = 0x8014;
const TYPE_QUOTE = 0x8018;

/** @throws {AttestError} "attest/not-proven" for bytes that no TPM would sign so */
export function parseAttestStructure(bytes: Uint8Array): AttestStructure {
  const reader = new ResponseReader(bytes);
  const magic = reader.u32();
  const type = reader.u16();
  if (magic !== MAGIC || (type !== TYPE_NV && type !== TYPE_QUOTE)) {
    throw new AttestError("attest/not-proven", "Cannot believe quote: what is signed is no statement of a TPM", {
      hint: "look at the node: its answers are not those of gantry attest agent",
    });
  }
  reader.sized(); // qualified name of the signer
  const extraData = hex(reader.sized());
  const clockMs = Number(reader.u64());
  const [resetCount, restartCount] = [reader.u32(), reader.u32()];
  reader.u8();
  reader.u64(); // firmware
  const common = { extraData, clockMs, resetCount, restartCount };
  if (type === TYPE_NV) {
    const indexName = hex(reader.sized());
    const offset = reader.u16();
    return { ...common, attested: { kind: "nv", indexName, offset, contents: hex(reader.sized()) } };
  }
  const selections = reader.u32();
  for (let at = 0; at < Math.min(selections, 16); at++) {
    reader.u16();
    for (let rest = reader.u8(); rest > 0; rest--) reader.u8();
  }
  return { ...common, attested: { kind: "quote", pcrDigest: hex(reader.sized()) } };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
