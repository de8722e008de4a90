import { EngineError } from "../../base/errors.ts";
import { MAX_DOCUMENT_BYTES } from "../../image/decode-document.ts";
import type { Descriptor } from "../../image/descriptor.ts";
import { parseImageName } from "../../image/image-name.ts";
import { isIndexMediaType, isManifestMediaType } from "../../image/media-types.ts";
import type { ImageRef } from "../../store/image-refs.ts";
import { blobPath } from "../../store/store-paths.ts";
import type { EngineContext } from "../context.ts";
import { downloadBlobs } from "../download-blobs.ts";
import { UseCaseError } from "../errors.ts";
import { openRegistry } from "../open-registry.ts";

/**
 * Fetches a damaged or missing blob again, by its digest, from the registry the image's name says; the damaged one goes
 * when the registry has the image. Signatures do not matter here: the digest already was accepted.
 * @throws {EngineError} why it could not be repaired
 */
export async function repairBlob(
  ctx: EngineContext,
  { ref, blob }: { readonly ref: ImageRef; readonly blob: Descriptor },
  options: { readonly signal?: AbortSignal } = {},
): Promise<void> {
  const { host, path } = parseImageName(ref.name);
  if (ref.source?.startsWith("registry ") !== true) {
    throw new UseCaseError(
      "engine/bad-input",
      `Cannot fetch "${ref.name}" again: it came from ${ref.source ?? "elsewhere"}`,
      {
        hint: "fetch it again from where it came from, or build it again",
      },
    );
  }
  await using source = await openRegistry(
    ctx,
    { name: { host, path, digest: ref.descriptor.digest, labels: {} } },
    options,
  );
  await source.resolve(options);
  const isDocument = isManifestMediaType(blob.mediaType) || isIndexMediaType(blob.mediaType);
  const raw = isDocument ? await source.readDocument(blob, MAX_DOCUMENT_BYTES, options) : undefined;
  ctx.images.files.remove(blobPath(blob.digest));
  if (raw === undefined) await downloadBlobs(ctx, { source, blobs: [blob] }, options);
  else await ctx.images.putBlob(blob, [raw]);
}

/** The reason of a failed repair for a report; what is no engine error is a bug and comes through. */
export function reasonOf(reason: unknown, signal: AbortSignal | undefined): string {
  if (signal?.aborted === true || !(reason instanceof EngineError)) throw reason;
  return reason.hint === undefined ? reason.message : `${reason.message}; ${reason.hint}`;
}
