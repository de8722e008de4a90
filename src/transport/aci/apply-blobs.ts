import type { Descriptor } from "../../image/descriptor.ts";
import { createHasher, type Digest, splitDigest } from "../../image/digest.ts";
import { LayerApplier } from "../../image/layer/apply-layer.ts";
import type { ReadContent } from "../../image/layer/encode-tree.ts";
import { createTree, type FileTree } from "../../image/layer/file-tree.ts";
import { TarReader } from "../../image/layer/tar-reader.ts";
import { parseLayerMediaType } from "../../image/media-types.ts";
import { decompress } from "../../store/decompress.ts";
import type { Files } from "../../sys/host.ts";
import { checkStream } from "../check-stream.ts";
import { TransportError } from "../errors.ts";
import type { ImageSource } from "../image-source.ts";
import { readOutgoing } from "../read-outgoing.ts";
import { createContentSpool } from "./content-spool.ts";
import { TREE_LIMITS } from "./read-aci.ts";

/** A layer with the digest its content must have. */
export interface LayerBlob {
  readonly layer: Descriptor;
  readonly diffId: Digest;
}

/** The layers of an image as one tree. */
export interface AppliedLayers extends Disposable {
  readonly tree: FileTree;
  readonly readContent: ReadContent;
}

/**
 * Reads layers from a source, lowest first, each checked against digest and diffID, and applies them to one tree.
 * @throws {ImageError} "image/bad-layer", "image/too-large", "image/unsupported-media-type"; {TransportError}
 */
export async function applyBlobs(
  host: { readonly temp: Files },
  { source, layers }: { readonly source: ImageSource; readonly layers: readonly LayerBlob[] },
  options: { readonly signal?: AbortSignal } = {},
): Promise<AppliedLayers> {
  using guard = new DisposableStack();
  const spool = guard.use(createContentSpool(host.temp));
  const tree = createTree();
  for (const [index, { layer, diffId }] of layers.entries()) {
    using packed = host.temp.createTemp();
    for await (const chunk of checkStream(readOutgoing(source, layer, options), options)) packed.write(chunk);
    const hasher = createHasher(splitDigest(diffId).algorithm);
    const reader = new TarReader(new LayerApplier(tree, { layer: index, sink: spool }), TREE_LIMITS);
    const chunks = host.temp.readChunks(packed.path.slice(host.temp.root.length + 1));
    for await (const chunk of decompress(chunks, parseLayerMediaType(layer.mediaType).compression)) {
      hasher.update(chunk);
      reader.push(chunk);
    }
    reader.end();
    if (hasher.digest() === diffId) continue;
    throw new TransportError("transport/bad-answer", `Cannot convert layer ${diffId}: its content differs`, {
      hint: "tell the publisher of the image: its config and its layers do not belong together",
    });
  }
  const held = guard.move();
  return { tree, readContent: spool.read, [Symbol.dispose]: () => held.dispose() };
}
