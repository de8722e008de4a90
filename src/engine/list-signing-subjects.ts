import { MAX_DOCUMENT_BYTES } from "../image/decode-document.ts";
import type { Descriptor } from "../image/descriptor.ts";
import { ImageError } from "../image/errors.ts";
import { isIndexMediaType, isManifestMediaType } from "../image/media-types.ts";
import { MAX_INDEX_DEPTH, parseIndex } from "../image/parse-index.ts";
import { TransportError } from "../transport/errors.ts";
import type { ImageSource } from "../transport/image-source.ts";

/** A document to sign. */
export interface SigningSubject {
  readonly descriptor: Descriptor;
  readonly raw: Uint8Array;
}

interface ListOptions {
  readonly signal?: AbortSignal;
}

/** Most documents signed at once: more is no image anybody made on purpose. */
const MAX_SUBJECTS = 200;

/**
 * What a signature has to be over so that whoever fetches any platform of the image finds one: the document the
 * reference means and, of an index, every manifest in it that is there. The first is the document itself.
 * @throws {ImageError} "image/index-too-deep"; {TransportError}
 */
export async function listSigningSubjects(
  source: ImageSource,
  options: ListOptions = {},
): Promise<readonly SigningSubject[]> {
  const descriptor = await source.resolve(options);
  const raw = await source.readDocument(descriptor, MAX_DOCUMENT_BYTES, options);
  const found = new Map<string, SigningSubject>([[descriptor.digest, { descriptor, raw }]]);
  await addChildren(source, { parent: { descriptor, raw }, depth: 0, found }, options);
  return [...found.values()];
}

interface Walk {
  readonly parent: SigningSubject;
  readonly depth: number;
  readonly found: Map<string, SigningSubject>;
}

async function addChildren(source: ImageSource, { parent, depth, found }: Walk, options: ListOptions): Promise<void> {
  const { mediaType, digest } = parent.descriptor;
  if (!isIndexMediaType(mediaType)) return;
  if (depth >= MAX_INDEX_DEPTH) throw tooMuch(digest, `nested more than ${MAX_INDEX_DEPTH} deep`);
  for (const child of parseIndex(parent.raw, mediaType).manifests) {
    const isDocument = isIndexMediaType(child.mediaType) || isManifestMediaType(child.mediaType);
    if (found.has(child.digest) || !isDocument) continue;
    const raw = await readIfThere(source, child, options);
    if (raw === undefined) continue;
    found.set(child.digest, { descriptor: child, raw });
    if (found.size > MAX_SUBJECTS) throw tooMuch(digest, `more than ${MAX_SUBJECTS} images`);
    await addChildren(source, { parent: { descriptor: child, raw }, depth: depth + 1, found }, options);
  }
}

// Copies of an index often lack the platforms nobody asked for: who cannot be fetched needs no signature.
async function readIfThere(
  source: ImageSource,
  child: Descriptor,
  options: ListOptions,
): Promise<Uint8Array | undefined> {
  try {
    return await source.readDocument(child, MAX_DOCUMENT_BYTES, options);
  } catch (reason) {
    if (reason instanceof TransportError && reason.code === "transport/not-found") return undefined;
    throw reason;
  }
}

function tooMuch(digest: string, state: string): ImageError {
  return new ImageError("image/index-too-deep", `Cannot sign index "${digest}": ${state}`, {
    hint: "sign the images in it one by one",
  });
}
