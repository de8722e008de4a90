import { MAX_DOCUMENT_BYTES } from "../image/decode-document.ts";
import { hostPlatform } from "../image/platform.ts";
import { formatImageArgument, type ImageArgument } from "../image/reference.ts";
import type { EngineContext } from "./context.ts";
import type { SignedImage } from "./engine-calls.ts";
import { UseCaseError } from "./errors.ts";
import { locateImage } from "./locate-image.ts";
import type { Signer } from "./signer.ts";
import { writeSignatureFile } from "./write-signature-file.ts";

/**
 * Signs the manifest of an image in the store into a detached file: the store itself holds no signatures of ours.
 * @throws {UseCaseError} "engine/not-signable" without `output`; {StoreError} "store/not-found"
 */
export async function signStoredImage(
  ctx: EngineContext,
  input: { readonly signer: Signer; readonly argument: ImageArgument; readonly output?: string },
  options: { readonly signal?: AbortSignal } = {},
): Promise<SignedImage> {
  const { stored } = locateImage(ctx, input.argument, { platform: hostPlatform(process.arch), pullPolicy: "never" });
  if (stored === undefined || input.output === undefined) throw notPlaceable(formatImageArgument(input.argument));
  const bytes = ctx.images.readBlob(stored, MAX_DOCUMENT_BYTES);
  const { text, fingerprint } = await input.signer.sign({ kind: "bytes", bytes }, options);
  return { digest: stored.digest, fingerprint, placedAt: writeSignatureFile(ctx, input.output, text) };
}

function notPlaceable(image: string): UseCaseError {
  return new UseCaseError("engine/not-signable", `Cannot sign "${image}": there is no place for the signature`, {
    hint: "pass --output FILE, or name the image where it is: docker://HOST/NAME:TAG, oci:DIR, or an archive",
  });
}
