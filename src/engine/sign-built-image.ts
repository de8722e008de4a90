import { MAX_DOCUMENT_BYTES } from "../image/decode-document.ts";
import type { Descriptor } from "../image/descriptor.ts";
import { parseImageName, repositoryOf } from "../image/image-name.ts";
import { isIndexMediaType } from "../image/media-types.ts";
import { parseIndex } from "../image/parse-index.ts";
import { parseManifest } from "../image/parse-manifest.ts";
import { StoreError } from "../store/errors.ts";
import { type VerificationRecord, writeRecord } from "../trust/records.ts";
import { BUILT_HERE } from "./build/place-built.ts";
import type { EngineContext } from "./context.ts";
import type { SignedImage } from "./engine-calls.ts";
import { findStored, openStoredSource, type StoredArgument } from "./open-stored-source.ts";
import type { Signer } from "./signer.ts";
import { verifyRemote } from "./verify-remote.ts";

/** Whether an argument means an image of the store that `image build` or `image index` made. */
export function isBuiltHere(ctx: Pick<EngineContext, "images">, argument: StoredArgument): boolean {
  try {
    return findStored(ctx, argument).source === BUILT_HERE;
  } catch (reason) {
    if (reason instanceof StoreError && reason.code === "store/not-found") return false;
    throw reason;
  }
}

/**
 * Signs an image that was built here, of an index every image: each signature is judged by today's keys and policy like one
 * that was fetched, and kept in the verification record. From then on the image runs, and `push` takes the signatures along.
 * All are made and judged before the first is kept.
 * @throws {TrustError} "trust/unknown-key" … when this host would not trust the image by that key.
 */
export async function signBuiltImage(
  ctx: EngineContext,
  { signer, argument }: { readonly signer: Signer; readonly argument: StoredArgument },
  options: { readonly signal?: AbortSignal } = {},
): Promise<SignedImage> {
  const ref = findStored(ctx, argument);
  const name = parseImageName(ref.name);
  await using source = openStoredSource(ctx, ref);
  const records: VerificationRecord[] = [];
  let by = "";
  for (const part of partsOf(ctx, ref.descriptor)) {
    const raw = ctx.images.readBlob(part, MAX_DOCUMENT_BYTES);
    const { text, fingerprint } = await signer.sign({ kind: "bytes", bytes: raw }, options);
    const signature = { bytes: new TextEncoder().encode(text), from: "gantry sign", over: "manifest" as const };
    const record = await verifyRemote(
      ctx,
      {
        source: { ...source, findSignatures: async () => [signature] },
        image: { name: ref.name, trustName: repositoryOf(name), argument: { kind: "name", name } },
        manifest: parseManifest(raw, part.mediaType),
        top: part,
      },
      options,
    );
    records.push(record);
    by = fingerprint;
  }
  for (const record of records) writeRecord(ctx.root, record);
  return { digest: ref.descriptor.digest, fingerprint: by, placedAt: `the store (${ref.name})` };
}

function partsOf(ctx: EngineContext, descriptor: Descriptor): readonly Descriptor[] {
  if (!isIndexMediaType(descriptor.mediaType)) return [descriptor];
  return parseIndex(ctx.images.readBlob(descriptor, MAX_DOCUMENT_BYTES), descriptor.mediaType).manifests;
}
