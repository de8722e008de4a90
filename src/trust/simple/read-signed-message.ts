import type { SignaturePacket } from "openpgp";
import { TrustError } from "../errors.ts";
import { loadOpenPgp, type OpenPgpLibrary } from "../openpgp/load-openpgp.ts";
import { isArmored } from "../openpgp/read-keys.ts";
import { MAX_SIGNATURE_BYTES } from "../openpgp/verify-detached.ts";
import { MAX_CLAIM_BYTES } from "./claim.ts";

/** A signed OpenPGP message, taken apart; nothing in it is verified. */
export interface SignedMessageParts {
  readonly content: Uint8Array;
  readonly packets: readonly SignaturePacket[];
}

type OpenMessage = Awaited<ReturnType<OpenPgpLibrary["readMessage"]>>;

interface PacketStream {
  readToEnd(join: (all: readonly unknown[]) => readonly unknown[]): Promise<readonly unknown[]>;
}

/** Most signatures looked at in one message. */
const MAX_SIGNATURES = 32;

/**
 * Opens a message with embedded signatures, as `gpg --sign` writes it, compressed or not. Anything around or beside the
 * one literal is refused: what was signed has to be unambiguous. Bounded also when compressed.
 * @throws {TrustError} "trust/bad-signature"
 */
export async function readSignedMessage(bytes: Uint8Array): Promise<SignedMessageParts> {
  if (bytes.byteLength === 0 || bytes.byteLength > MAX_SIGNATURE_BYTES) throw notSigned("empty or too large");
  const pgp = await loadOpenPgp();
  const message = await openMessage(pgp, bytes);
  const packets = await allPackets(message);
  const signatures = packets.filter((packet) => packet instanceof pgp.SignaturePacket);
  const literals = packets.filter((packet) => packet instanceof pgp.LiteralDataPacket);
  const isPlain = packets.every(
    (packet) =>
      packet instanceof pgp.SignaturePacket ||
      packet instanceof pgp.LiteralDataPacket ||
      packet instanceof pgp.OnePassSignaturePacket ||
      packet instanceof pgp.MarkerPacket,
  );
  if (literals.length !== 1 || !isPlain) throw notSigned("not one signed document");
  if (signatures.length === 0 || signatures.length > MAX_SIGNATURES)
    throw notSigned(`not between 1 and ${MAX_SIGNATURES} signatures in it`);
  const content: unknown = message.getLiteralData();
  if (!(content instanceof Uint8Array) || content.byteLength > MAX_CLAIM_BYTES) throw notSigned("too large");
  return { content, packets: signatures };
}

/** The library parses up to the literal and keeps what follows it, the signatures, in a stream of its own kind. */
async function allPackets(message: OpenMessage): Promise<readonly unknown[]> {
  const { stream } = message.packets as unknown as { readonly stream?: PacketStream | null };
  try {
    const rest = await stream?.readToEnd((all) => all);
    return [...new Set([...Array.from<unknown>(message.packets), ...(rest ?? [])])];
  } catch (reason) {
    throw notSigned("what follows the document is malformed", reason);
  }
}

async function openMessage(pgp: OpenPgpLibrary, bytes: Uint8Array): Promise<OpenMessage> {
  const config = { maxDecompressedMessageSize: MAX_CLAIM_BYTES * 2 };
  let message: OpenMessage;
  try {
    message = isArmored(bytes)
      ? await pgp.readMessage({ armoredMessage: new TextDecoder().decode(bytes), config })
      : await pgp.readMessage({ binaryMessage: bytes, config });
  } catch (reason) {
    throw notSigned("not a signed OpenPGP message", reason);
  }
  const packets = Array.from<unknown>(message.packets);
  if (!packets.some((packet) => packet instanceof pgp.CompressedDataPacket)) return message;
  if (packets.length !== 1) throw notSigned("not one signed document");
  return message.unwrapCompressed();
}

function notSigned(state: string, cause?: unknown): TrustError {
  return new TrustError("trust/bad-signature", `Cannot read signature: ${state}`, {
    hint: "sign again: gantry sign --format=simple IMAGE",
    cause,
  });
}
