import type { Programs } from "../../sys/host.ts";
import { TrustError } from "../errors.ts";

/** What the user's gpg shall sign: a file (any size), or bytes through its standard input. */
export interface GpgSignInput {
  readonly source:
    | { readonly kind: "path"; readonly path: string }
    | { readonly kind: "bytes"; readonly bytes: Uint8Array };
  /** Anything `gpg --local-user` understands; default: gpg's default key. */
  readonly keyId?: string;
  /** `detached` (the default), or `message`: content and signature in one. */
  readonly form?: "detached" | "message";
  /** Environment of gpg: HOME, GNUPGHOME, GPG_TTY and PATH are what it needs. */
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Armored signature made by the user's own gpg and agent, so that the private key never leaves it.
 * @throws {TrustError} "trust/cannot-sign" with gpg's own words.
 */
export async function signWithGpg(
  programs: Programs,
  input: GpgSignInput,
  options?: { readonly signal?: AbortSignal },
): Promise<string> {
  if (input.keyId?.startsWith("-") === true) {
    throw new TrustError("trust/cannot-sign", `Cannot sign with key "${input.keyId}": not a key id`, {
      hint: "pass a fingerprint or an e-mail address",
    });
  }
  const user = input.keyId === undefined ? [] : ["--local-user", input.keyId];
  const file = input.source.kind === "path" ? ["--", input.source.path] : [];
  const result = await programs.run(
    {
      argv: [
        "gpg",
        "--batch",
        "--armor",
        "--digest-algo",
        "SHA512",
        ...user,
        "--output",
        "-",
        input.form === "message" ? "--sign" : "--detach-sign",
        ...file,
      ],
      ...(input.env === undefined ? {} : { env: input.env }),
      ...(input.source.kind === "bytes" ? { stdin: input.source.bytes } : {}),
    },
    options,
  );
  if (result.exitCode === 0 && result.stdout !== "") return result.stdout;
  throw new TrustError("trust/cannot-sign", "Cannot sign with gpg: it failed", {
    hint: "list your keys: gpg --list-secret-keys",
    cause: result.stderr.slice(0, 4096),
  });
}
