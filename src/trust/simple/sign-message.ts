import { TrustError } from "../errors.ts";
import { loadOpenPgp } from "../openpgp/load-openpgp.ts";
import { type SignInput, unlockPrivateKey } from "../openpgp/sign-detached.ts";

/**
 * A binary OpenPGP message with the content and the signature over it, as GPG simple signing keeps it.
 * @throws {TrustError} "trust/bad-key", "trust/cannot-sign"
 */
export async function signMessage(input: SignInput): Promise<Uint8Array> {
  const pgp = await loadOpenPgp();
  const signingKeys = await unlockPrivateKey(pgp, input);
  try {
    const message = await pgp.createMessage({ binary: input.bytes });
    return await pgp.sign({ message, signingKeys, format: "binary", date: new Date(input.atMs) });
  } catch (reason) {
    throw new TrustError("trust/cannot-sign", "Cannot sign: the key refuses", {
      hint: "use a valid signing key",
      cause: reason,
    });
  }
}

/** An armored message as bytes: tools that read simple signatures expect it so. @throws {TrustError} "trust/cannot-sign" */
export async function unarmorMessage(text: string): Promise<Uint8Array> {
  const pgp = await loadOpenPgp();
  try {
    const { data }: { data: unknown } = await pgp.unarmor(text);
    if (data instanceof Uint8Array) return data;
    return new Uint8Array(await new Response(data as ReadableStream<Uint8Array>).arrayBuffer());
  } catch (reason) {
    throw new TrustError("trust/cannot-sign", "Cannot use the signature just made: it is no OpenPGP message", {
      hint: "check that gpg works: gpg --sign FILE",
      cause: reason,
    });
  }
}
