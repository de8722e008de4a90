import { TrustError } from "../trust/errors.ts";
import type { ReadKey } from "../trust/openpgp/read-keys.ts";
import type { SignatureFinding } from "../trust/openpgp/verify-detached.ts";
import type { EngineContext } from "./context.ts";
import { exportKey, gpgEnvironment } from "./signer.ts";
import { openUserPath } from "./user-path.ts";

/** A GPG simple signature that has been verified. */
export interface MadeMessage {
  /** Binary OpenPGP message: content and signature. */
  readonly bytes: Uint8Array;
  /** Primary key. */
  readonly fingerprint: string;
}

/** Makes messages with one key. @throws {TrustError} "trust/bad-key", "trust/cannot-sign" */
export type MessageSigner = (content: Uint8Array, options?: SignOptions) => Promise<MadeMessage>;

interface SignOptions {
  readonly signal?: AbortSignal;
}

const MAX_PRIVATE_KEY_BYTES = 1024 * 1024;

/** A signer of whole messages with a key file, or with the user's gpg. Reads nothing before the first. */
export function createMessageSigner(
  ctx: EngineContext,
  input: { readonly keyFile?: string; readonly gpgKey?: string },
): MessageSigner {
  const { keyFile, gpgKey } = input;
  return keyFile === undefined ? signWithAgent(ctx, gpgKey) : signWithFile(ctx, keyFile);
}

function signWithFile(ctx: EngineContext, keyFile: string): MessageSigner {
  return async (content) => {
    const { signMessage } = await import("../trust/simple/sign-message.ts");
    const { readKeys } = await import("../trust/openpgp/read-keys.ts");
    const { directory, name } = openUserPath(keyFile);
    const key = directory.readBytes(name, MAX_PRIVATE_KEY_BYTES);
    const passphrase = ctx.env["GANTRY_KEY_PASSPHRASE"];
    const bytes = await signMessage({
      bytes: content,
      privateKey: new TextDecoder().decode(key),
      atMs: ctx.clock.nowMs(),
      ...(passphrase === undefined ? {} : { passphrase }),
    });
    return { bytes, fingerprint: await verifyMade(ctx, bytes, async () => await readKeys(key, ctx.clock.nowMs())) };
  };
}

function signWithAgent(ctx: EngineContext, keyId: string | undefined): MessageSigner {
  return async (content, options = {}) => {
    const { signWithGpg } = await import("../trust/openpgp/sign-with-gpg.ts");
    const { unarmorMessage } = await import("../trust/simple/sign-message.ts");
    const text = await signWithGpg(
      ctx.programs,
      {
        source: { kind: "bytes", bytes: content },
        form: "message",
        env: gpgEnvironment(ctx),
        ...(keyId === undefined ? {} : { keyId }),
      },
      options,
    );
    const bytes = await unarmorMessage(text);
    return {
      bytes,
      fingerprint: await verifyMade(ctx, bytes, async (signer) => await exportKey(ctx, signer, options)),
    };
  };
}

// Nobody gets a signature that we would not accept ourselves.
async function verifyMade(
  ctx: EngineContext,
  bytes: Uint8Array,
  readPublic: (signer: string) => Promise<readonly ReadKey[]>,
): Promise<string> {
  const { readSignedMessage } = await import("../trust/simple/read-signed-message.ts");
  const { verifyPackets } = await import("../trust/openpgp/verify-detached.ts");
  const { content, packets } = await readSignedMessage(bytes);
  const published = await readPublic(packets[0]?.issuerKeyID.toHex() ?? "");
  const keys = published.map(({ key }) => key);
  const findings = await verifyPackets(packets, { message: content, keys, atMs: ctx.clock.nowMs() });
  const good = findings.find((finding) => finding.kind === "good");
  if (good?.kind === "good") return good.fingerprint;
  throw new TrustError(
    "trust/cannot-sign",
    `Cannot use the signature just made: nobody would accept it (${why(findings)})`,
    {
      hint: "sign with a key that is valid, strong, and allowed to sign",
    },
  );
}

function why(findings: readonly SignatureFinding[]): string {
  return findings.map((one) => ("reason" in one ? one.reason : one.kind)).join("; ");
}
