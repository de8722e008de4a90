import { formatImageArgument, type ImageArgument, parseImageArgument } from "../image/reference.ts";
import type { EngineContext } from "./context.ts";
import type { SignedImage } from "./engine-calls.ts";
import { UseCaseError } from "./errors.ts";
import { signArchive } from "./sign-archive.ts";
import { isBuiltHere, signBuiltImage } from "./sign-built-image.ts";
import { signInLayout } from "./sign-in-layout.ts";
import { signInRegistry } from "./sign-in-registry.ts";
import { signStoredImage } from "./sign-stored-image.ts";
import { createSigner } from "./signer.ts";

/** What to sign, with which key, and where to put it. */
export interface SignInput {
  readonly image: string;
  /** Armored private key; its passphrase comes from GANTRY_KEY_PASSPHRASE. Undefined: gpg signs. */
  readonly keyFile?: string;
  /** What `gpg --local-user` understands; undefined: gpg's default key. */
  readonly gpgKey?: string;
  /** File for a detached signature instead of the usual place. */
  readonly output?: string;
  /** Default `openpgp`: plainly over the manifest or archive. */
  readonly format?: SignatureFormat;
  /** Name inside a simple or cosign signature, instead of the reference. */
  readonly identity?: string;
}

/** Ways to sign; docs/trust.md says who verifies which. */
export type SignatureFormat = "openpgp" | "simple" | "cosign" | "bundle";

/**
 * `sign`: archives get FILE.asc beside them, layouts and registries an attached artifact for the image and, of an index,
 * for every image in it; an image built here is signed in the store. Each signature is verified against its public key before it is placed.
 * @throws {UseCaseError} "engine/not-signable", "engine/bad-input"; {TrustError} "trust/bad-key", "trust/cannot-sign";
 * {TransportError}; {ImageError}
 */
export async function signImage(
  ctx: EngineContext,
  input: SignInput,
  options: { readonly signal?: AbortSignal } = {},
): Promise<SignedImage> {
  const argument = parseImageArgument(input.image);
  if (input.format !== undefined && input.format !== "openpgp")
    return await signInFormat(ctx, { ...input, format: input.format }, options);
  const signer = createSigner(ctx, input);
  const output = input.output === undefined ? {} : { output: input.output };
  switch (argument.kind) {
    case "oci-layout":
      return await signInLayout(ctx, { signer, argument, ...output }, options);
    case "oci-archive":
    case "docker-archive":
    case "aci":
    case "file":
      return await signArchive(ctx, { signer, path: argument.path, ...output }, options);
    case "stored":
      if (output.output === undefined && isBuiltHere(ctx, argument))
        return await signBuiltImage(ctx, { signer, argument }, options);
      return await signStoredImage(ctx, { signer, argument, ...output }, options);
    case "docker":
      return await signInRegistry(ctx, { signer, name: argument.name, ...output }, options);
    case "name":
      if (input.output !== undefined && isStored(ctx, argument))
        return await signStoredImage(ctx, { signer, argument, ...output }, options);
      if (output.output === undefined && isBuiltHere(ctx, argument))
        return await signBuiltImage(ctx, { signer, argument }, options);
      return await signInRegistry(ctx, { signer, name: argument.name, discover: true, ...output }, options);
    case "url":
      throw new UseCaseError(
        "engine/not-signable",
        `Cannot sign "${formatImageArgument(argument)}": it is not on this machine`,
        {
          hint: "download it, sign the file, and upload FILE.asc beside it",
        },
      );
  }
}

async function signInFormat(
  ctx: EngineContext,
  input: SignInput & { readonly format: Exclude<SignatureFormat, "openpgp"> },
  options: { readonly signal?: AbortSignal },
): Promise<SignedImage> {
  const { format, keyFile, gpgKey, identity, output } = input;
  const argument = parseImageArgument(input.image);
  const named = identity === undefined ? {} : { identity };
  if (format === "simple") {
    const { signSimple } = await import("./sign-simple.ts");
    const { createMessageSigner } = await import("./message-signer.ts");
    const signer = createMessageSigner(ctx, {
      ...(keyFile === undefined ? {} : { keyFile }),
      ...(gpgKey === undefined ? {} : { gpgKey }),
    });
    return await signSimple(ctx, { signer, argument, ...named, ...(output === undefined ? {} : { output }) }, options);
  }
  if (output !== undefined) {
    throw new UseCaseError(
      "engine/bad-input",
      `Cannot write a ${format} signature to a file: it belongs to its registry`,
      {
        hint: "leave --output out",
      },
    );
  }
  const { signSigstore } = await import("./sign-sigstore.ts");
  return await signSigstore(ctx, { format, keyFile, argument, ...named }, options);
}

function isStored(ctx: EngineContext, argument: Extract<ImageArgument, { readonly kind: "name" }>): boolean {
  const { tag, digest } = argument.name;
  const name = formatImageArgument(
    tag === undefined && digest === undefined ? { kind: "name", name: { ...argument.name, tag: "latest" } } : argument,
  );
  return ctx.images.getRef(name) !== undefined;
}
