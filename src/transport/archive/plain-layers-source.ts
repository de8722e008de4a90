import { MAX_DOCUMENT_BYTES } from "../../image/decode-document.ts";
import type { Descriptor } from "../../image/descriptor.ts";
import { createHasher, digestOf } from "../../image/digest.ts";
import { encodeManifest } from "../../image/encode-document.ts";
import { OCI_LAYER, OCI_MANIFEST, parseLayerMediaType } from "../../image/media-types.ts";
import { parseManifest } from "../../image/parse-manifest.ts";
import { decompress } from "../../store/decompress.ts";
import type { Files, TempFile } from "../../sys/host.ts";
import { checkStream } from "../check-stream.ts";
import type { ImageSource } from "../image-source.ts";
import { readOutgoing } from "../read-outgoing.ts";

/**
 * One image of a source with none of its layers compressed. Docker archives may hold layers either way without meaning
 * anything by it; so the same image converted from such an archive is the same image.
 * Disposes the source it was made of. @throws {ImageError}; {TransportError}
 */
export async function plainLayersSource(
  host: { readonly temp: Files },
  source: ImageSource,
  options: { readonly signal?: AbortSignal } = {},
): Promise<ImageSource> {
  await using guard = new AsyncDisposableStack();
  guard.use(source);
  const top = await source.resolve(options);
  const manifest = parseManifest(await source.readDocument(top, MAX_DOCUMENT_BYTES, options), top.mediaType);
  const files = new Map<string, TempFile>();
  const layers: Descriptor[] = [];
  for (const layer of manifest.layers) {
    const { compression } = parseLayerMediaType(layer.mediaType);
    if (compression === "none") {
      layers.push(layer);
      continue;
    }
    const plain = guard.use(host.temp.createTemp());
    const descriptor = await unpack(host, { source, layer, plain }, options);
    files.set(descriptor.digest, plain);
    layers.push(descriptor);
  }
  const held = guard.move();
  if (files.size === 0) return source;
  const raw = encodeManifest({ config: manifest.config, layers });
  const own = { ...top, mediaType: OCI_MANIFEST, digest: digestOf(raw), sizeBytes: raw.byteLength };
  return {
    ...source,
    resolve: async () => own,
    readDocument: async (descriptor, limitBytes, more) =>
      descriptor.digest === own.digest ? raw : await source.readDocument(descriptor, limitBytes, more),
    async openBlob(descriptor, fromByte, more) {
      const file = files.get(descriptor.digest);
      if (file === undefined) return await source.openBlob(descriptor, fromByte, more);
      return { startedAt: fromByte, chunks: asAsync(host.temp.readChunks(relOf(host.temp, file), fromByte)) };
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

async function unpack(
  host: { readonly temp: Files },
  { source, layer, plain }: { readonly source: ImageSource; readonly layer: Descriptor; readonly plain: TempFile },
  options: { readonly signal?: AbortSignal },
): Promise<Descriptor> {
  using packed = host.temp.createTemp();
  for await (const chunk of checkStream(readOutgoing(source, layer, options), options)) packed.write(chunk);
  const hasher = createHasher("sha256");
  let sizeBytes = 0;
  const { compression } = parseLayerMediaType(layer.mediaType);
  for await (const chunk of decompress(host.temp.readChunks(relOf(host.temp, packed)), compression)) {
    hasher.update(chunk);
    sizeBytes += chunk.byteLength;
    plain.write(chunk);
  }
  return { mediaType: OCI_LAYER, digest: hasher.digest(), sizeBytes, annotations: {} };
}

function relOf(temp: Files, file: TempFile): string {
  return file.path.slice(temp.root.length + 1);
}

async function* asAsync(chunks: Iterable<Uint8Array>): AsyncIterable<Uint8Array> {
  yield* chunks;
}
