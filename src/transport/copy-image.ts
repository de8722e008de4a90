import type { Descriptor, Platform } from "../image/descriptor.ts";
import { digestOf } from "../image/digest.ts";
import { encodeIndex } from "../image/encode-document.ts";
import { ImageError } from "../image/errors.ts";
import { isIndexMediaType, isManifestMediaType, OCI_INDEX } from "../image/media-types.ts";
import { MAX_INDEX_DEPTH, parseIndex } from "../image/parse-index.ts";
import { parseManifest } from "../image/parse-manifest.ts";
import { choosePlatform } from "../image/platform.ts";
import { toOciManifest } from "../image/to-oci-manifest.ts";
import { findArtifacts, putArtifacts } from "./copy-signatures.ts";
import { TransportError } from "./errors.ts";
import type { ImageSink, OutgoingDocument } from "./image-sink.ts";
import type { ImageSource } from "./image-source.ts";
import { readOutgoing } from "./read-outgoing.ts";

const MAX_DOCUMENT_BYTES = 4 * 1024 * 1024;
const MAX_DOCUMENTS = 1000;

/** Which images of an index to copy. One platform gives that image alone, several a new index of just them. */
export type PlatformChoice =
  | { readonly kind: "all" }
  | { readonly kind: "some"; readonly platforms: readonly Platform[] };

/** Hears of every blob: what became of it, and how far it is. */
export interface CopyProgress {
  begin(id: string, label: string, totalBytes?: number): void;
  advance(id: string, bytes: number): void;
  end(id: string): void;
}

/** What a copy did. */
export interface CopyReport {
  /** The document the sink has now. */
  readonly top: Descriptor;
  /** Every image and index of the copy, below first. */
  readonly documents: readonly OutgoingDocument[];
  readonly written: number;
  readonly mounted: number;
  readonly present: number;
  /** Signatures that came along, and those that did not. */
  readonly signatures: number;
  readonly signaturesLeftOut: number;
}

/** What to copy and how. */
export interface CopyInput {
  readonly source: ImageSource;
  readonly sink: ImageSink;
  readonly descriptor: Descriptor;
  readonly choice: PlatformChoice;
  readonly progress?: CopyProgress | undefined;
  /** Leaves the signatures behind. */
  readonly withoutSignatures?: boolean;
}

/**
 * Copies an image or index with everything it names; documents keep their bytes, unless the sink takes OCI documents only
 * and these are Docker's, or a part of an index was chosen. Names nothing before all is there. Signatures over the
 * documents come along where the sink has a place for them.
 * @throws {TransportError}; {ImageError} "image/no-platform", "image/index-too-deep" and those of malformed documents.
 */
export async function copyImage(
  input: CopyInput,
  options: { readonly signal?: AbortSignal } = {},
): Promise<CopyReport> {
  const copy = new Copy(input, options);
  const top = await copy.top(input.descriptor, input.choice);
  const wanted = input.withoutSignatures === true ? [] : copy.documents;
  const found = await findArtifacts(input, wanted, options);
  await input.sink.commit(top, options);
  const signatures = await putArtifacts(input.sink, found, options);
  const { documents, counts } = copy;
  return { top: top.descriptor, documents, ...counts, signatures, signaturesLeftOut: found.leftOut };
}

class Copy {
  readonly counts = { written: 0, mounted: 0, present: 0 };
  readonly documents: OutgoingDocument[] = [];
  readonly #input: CopyInput;
  readonly #options: { readonly signal?: AbortSignal };
  readonly #done = new Set<string>();

  constructor(input: CopyInput, options: { readonly signal?: AbortSignal }) {
    this.#input = input;
    this.#options = options;
  }

  async top(descriptor: Descriptor, choice: PlatformChoice): Promise<OutgoingDocument> {
    if (!isIndexMediaType(descriptor.mediaType)) return await this.#manifest(descriptor);
    if (choice.kind === "all") return await this.#index(descriptor, 1);
    const entries = await this.#flatten(descriptor, 1);
    const chosen = [...new Set(choice.platforms.map((platform) => choosePlatform(entries, platform)))];
    const [only] = chosen;
    if (only !== undefined && chosen.length === 1) return await this.#manifest(only);
    const parts: Descriptor[] = [];
    for (const entry of chosen) parts.push(withPlatform((await this.#manifest(entry)).descriptor, entry));
    return await this.#put(OCI_INDEX, encodeIndex({ manifests: parts }));
  }

  async #index(descriptor: Descriptor, depth: number): Promise<OutgoingDocument> {
    const index = parseIndex(await this.#read(descriptor, depth), descriptor.mediaType);
    const parts: Descriptor[] = [];
    for (const entry of index.manifests) {
      const part = isIndexMediaType(entry.mediaType)
        ? await this.#index(entry, depth + 1)
        : await this.#manifest(entry);
      parts.push({ ...withPlatform(part.descriptor, entry), annotations: entry.annotations });
    }
    const isSame =
      parts.every(({ digest }, i) => digest === index.manifests[i]?.digest) &&
      (descriptor.mediaType === OCI_INDEX || !this.#input.sink.ociOnly);
    if (isSame) return await this.#put(descriptor.mediaType, index.raw);
    return await this.#put(OCI_INDEX, encodeIndex({ manifests: parts, annotations: index.annotations }));
  }

  async #flatten(descriptor: Descriptor, depth: number): Promise<Descriptor[]> {
    const flat: Descriptor[] = [];
    const { manifests } = parseIndex(await this.#read(descriptor, depth), descriptor.mediaType);
    for (const entry of manifests)
      flat.push(...(isIndexMediaType(entry.mediaType) ? await this.#flatten(entry, depth + 1) : [entry]));
    return flat;
  }

  async #read(descriptor: Descriptor, depth: number): Promise<Uint8Array> {
    if (depth > MAX_INDEX_DEPTH || this.documents.length > MAX_DOCUMENTS) {
      throw new ImageError(
        "image/index-too-deep",
        `Cannot copy index "${descriptor.digest}": it holds more than ${depth > MAX_INDEX_DEPTH ? `${MAX_INDEX_DEPTH} levels` : `${MAX_DOCUMENTS} images`}`,
        { hint: "choose what you need with --platform" },
      );
    }
    return await this.#input.source.readDocument(descriptor, MAX_DOCUMENT_BYTES, this.#options);
  }

  async #manifest(descriptor: Descriptor): Promise<OutgoingDocument> {
    const { source, sink } = this.#input;
    if (!isManifestMediaType(descriptor.mediaType)) {
      throw new TransportError(
        "transport/unsupported",
        `Cannot copy "${descriptor.digest}": media type "${descriptor.mediaType}" is no image`,
        { hint: "choose the images you need with --platform" },
      );
    }
    const raw = await source.readDocument(descriptor, MAX_DOCUMENT_BYTES, this.#options);
    const manifest = parseManifest(raw, descriptor.mediaType);
    await this.#blobs([manifest.config, ...manifest.layers]);
    const converted = sink.ociOnly ? toOciManifest(manifest) : undefined;
    return converted === undefined
      ? await this.#put(descriptor.mediaType, raw)
      : await this.#put(converted.mediaType, converted.raw);
  }

  async #blobs(blobs: readonly Descriptor[]): Promise<void> {
    const waiting = blobs.filter(({ digest }) => !this.#done.has(digest) && this.#done.add(digest) !== undefined);
    const queue = waiting.values();
    const stop = new AbortController();
    const { signal } = this.#options;
    const both = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
    const lane = async () => {
      for (const blob of queue) await this.#blob(blob, both);
    };
    const lanes = Array.from({ length: Math.min(this.#input.sink.parallel, waiting.length) }, lane);
    try {
      await Promise.all(lanes);
    } catch (reason) {
      stop.abort(reason);
      await Promise.allSettled(lanes);
      throw reason;
    }
  }

  async #blob(descriptor: Descriptor, signal: AbortSignal): Promise<void> {
    const { source, sink, progress } = this.#input;
    const id = descriptor.digest;
    progress?.begin(id, id.slice(7, 19), descriptor.sizeBytes);
    try {
      const outcome = await sink.putBlob(readOutgoing(source, descriptor, { signal }), {
        signal,
        onBytes: (count) => progress?.advance(id, count),
      });
      this.counts[outcome]++;
    } finally {
      progress?.end(id);
    }
  }

  async #put(mediaType: string, raw: Uint8Array): Promise<OutgoingDocument> {
    const document = {
      raw,
      descriptor: { mediaType, digest: digestOf(raw), sizeBytes: raw.byteLength, annotations: {} },
    };
    await this.#input.sink.putDocument(document, this.#options);
    this.documents.push(document);
    return document;
  }
}

function withPlatform(descriptor: Descriptor, like: Descriptor): Descriptor {
  return like.platform === undefined ? descriptor : { ...descriptor, platform: like.platform };
}
