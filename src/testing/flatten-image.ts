import { LayerApplier } from "../image/layer/apply-layer.ts";
import { encodeLayer } from "../image/layer/encode-tree.ts";
import { createTree } from "../image/layer/file-tree.ts";
import { TarReader } from "../image/layer/tar-reader.ts";
import { anImage, type BuiltImage, type ImageBuilder } from "./image-builder.ts";

/** The same image with one layer, made by applying its layers to a tree in memory. */
export function flattenImage(builder: ImageBuilder): BuiltImage {
  const tree = createTree();
  const written: Uint8Array[] = [];
  let offset = 0;
  const sink = {
    get offset() {
      return offset;
    },
    write(chunk: Uint8Array) {
      written.push(chunk.slice());
      offset += chunk.byteLength;
    },
  };
  for (const [layer, { tar }] of builder.layerTars.entries()) {
    const reader = new TarReader(new LayerApplier(tree, { layer, sink }));
    // Small pieces, as they come from a network.
    for (let at = 0; at < tar.byteLength; at += 10_007) reader.push(tar.subarray(at, at + 10_007));
    reader.end();
  }
  const all = Buffer.concat(written);
  const read = (ref: { readonly offset: number; readonly sizeBytes: number }) => [
    all.subarray(ref.offset, ref.offset + ref.sizeBytes),
  ];
  return anImage()
    .withLayer(Buffer.concat([...encodeLayer(tree, read)]), "none")
    .build();
}
