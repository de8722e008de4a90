import { readFileChunks } from "../sys/linux/file-chunks.ts";
import { TrustError } from "../trust/errors.ts";
import type { ReadKey } from "../trust/openpgp/read-keys.ts";
import type { EngineContext } from "./context.ts";
import { UseCaseError } from "./errors.ts";
import { openUserPath } from "./user-path.ts";

/** What is to be signed. */
export type Signable =
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "path"; readonly path: string };

/** A signature that has been verified. */
export interface MadeSignature {
  /** Armored. */
  readonly text: string;
  /** Primary key, upper case. */
  readonly fingerprint: string;
}

/** Signs with one key, chosen beforehand. */
export interface Signer {
  /** @throws {TrustError} "trust/bad-key", "trust/cannot-sign"; {UseCaseError} "engine/not-signable" for a file too large. */
  sign(content: Signable, options?: SignOptions): Promise<MadeSignature>;
}

interface SignOptions {
  readonly signal?: AbortSignal;
}

const MAX_PRIVATE_KEY_BYTES = 1024 * 1024;
/** A key file signs in memory; gpg has no such limit. */
const MAX_IN_MEMORY_BYTES = 512 * 1024 * 1024;

/** A signer with a key file, or with the user's gpg. Reads nothing before the first signature. */
export function createSigner(
  ctx: EngineContext,
  input: { readonly keyFile?: string; readonly gpgKey?: string },
): Signer {
  const { keyFile, gpgKey } = input;
  if (keyFile === undefined) return createGpgSigner(ctx, gpgKey);
  if (gpgKey === undefined) return createFileSigner(ctx, keyFile);
  throw new UseCaseError("engine/bad-input", "Cannot sign with two keys: a key file and a gpg key are given", {
    hint: "pass exactly one of --key FILE and --gpg-key ID",
  });
}

function createFileSigner(ctx: EngineContext, keyFile: string): Signer {
  return {
    async sign(content) {
      const { signDetached } = await import("../trust/openpgp/sign-detached.ts");
      const { readKeys } = await import("../trust/openpgp/read-keys.ts");
      const { directory, name } = openUserPath(keyFile);
      const key = directory.readBytes(name, MAX_PRIVATE_KEY_BYTES);
      const passphrase = ctx.env["GANTRY_KEY_PASSPHRASE"];
      const bytes = content.kind === "bytes" ? content.bytes : readWhole(content.path);
      const text = await signDetached({
        bytes,
        privateKey: new TextDecoder().decode(key),
        atMs: ctx.clock.nowMs(),
        ...(passphrase === undefined ? {} : { passphrase }),
      });
      const keys = await readKeys(key, ctx.clock.nowMs());
      return { text, fingerprint: await verifyMade(ctx, { text, keys, message: bytes }) };
    },
  };
}

function readWhole(path: string): Uint8Array {
  const { directory, name } = openUserPath(path);
  const sizeBytes = directory.stat(name)?.sizeBytes ?? 0;
  if (sizeBytes <= MAX_IN_MEMORY_BYTES) return directory.readBytes(name, MAX_IN_MEMORY_BYTES);
  throw new UseCaseError(
    "engine/not-signable",
    `Cannot sign "${path}" with a key file: it has more than ${MAX_IN_MEMORY_BYTES} bytes`,
    {
      hint: "import the key into gpg, then: gantry sign --gpg-key ID FILE",
    },
  );
}

function createGpgSigner(ctx: EngineContext, keyId: string | undefined): Signer {
  const env = gpgEnvironment(ctx);
  return {
    async sign(source, options = {}) {
      const { signWithGpg } = await import("../trust/openpgp/sign-with-gpg.ts");
      const text = await signWithGpg(ctx.programs, { source, env, ...(keyId === undefined ? {} : { keyId }) }, options);
      const keys = await exportPublicKeys(ctx, text, options);
      const message = source.kind === "bytes" ? source.bytes : readFileChunks(source.path);
      return { text, fingerprint: await verifyMade(ctx, { text, keys, message }) };
    },
  };
}

/** What gpg needs to find its keys and to ask for a passphrase. */
export function gpgEnvironment(ctx: EngineContext): Record<string, string> {
  const names = [
    "PATH",
    "HOME",
    "GNUPGHOME",
    "GPG_TTY",
    "TERM",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
    "LANG",
  ];
  return Object.fromEntries(names.flatMap((name) => (ctx.env[name] === undefined ? [] : [[name, ctx.env[name]]])));
}

// The signature says which key made it; gpg has its public half.
async function exportPublicKeys(ctx: EngineContext, text: string, options: SignOptions): Promise<readonly ReadKey[]> {
  const { verifyDetached } = await import("../trust/openpgp/verify-detached.ts");
  const atMs = ctx.clock.nowMs();
  const signature = new TextEncoder().encode(text);
  const [finding] = await verifyDetached({ message: "checked-before", signature, keys: [], atMs });
  return await exportKey(ctx, finding?.signer ?? "", options);
}

/** Public half of the key with that id, from the user's gpg. @throws {TrustError} "trust/cannot-sign" */
export async function exportKey(ctx: EngineContext, keyId: string, options: SignOptions): Promise<readonly ReadKey[]> {
  const { readKeys } = await import("../trust/openpgp/read-keys.ts");
  const atMs = ctx.clock.nowMs();
  const argv = ["gpg", "--batch", "--armor", "--export", `0x${keyId}`] as const;
  const exported = await ctx.programs.run({ argv, env: gpgEnvironment(ctx) }, options);
  if (exported.exitCode === 0 && exported.stdout !== "")
    return await readKeys(new TextEncoder().encode(exported.stdout), atMs);
  throw new TrustError("trust/cannot-sign", "Cannot verify the signature gpg made: it does not give the public key", {
    hint: "see what gpg has: gpg --list-keys",
    cause: exported.stderr.slice(0, 4096),
  });
}

interface Made {
  readonly text: string;
  readonly keys: readonly ReadKey[];
  readonly message: Uint8Array | AsyncIterable<Uint8Array>;
}

async function verifyMade(ctx: EngineContext, made: Made): Promise<string> {
  const { verifyDetached } = await import("../trust/openpgp/verify-detached.ts");
  const findings = await verifyDetached({
    message: made.message,
    signature: new TextEncoder().encode(made.text),
    keys: made.keys.map(({ key }) => key),
    atMs: ctx.clock.nowMs(),
  });
  const good = findings.find((finding) => finding.kind === "good");
  if (good?.kind === "good") return good.fingerprint;
  const why = findings.map((one) => ("reason" in one ? one.reason : one.kind)).join("; ");
  throw new TrustError("trust/cannot-sign", `Cannot use the signature just made: nobody would accept it (${why})`, {
    hint: "sign with a key that is valid, strong, and allowed to sign",
  });
}
