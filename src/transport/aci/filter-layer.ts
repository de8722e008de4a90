import type { Descriptor } from "../../image/descriptor.ts";
import { createHasher } from "../../image/digest.ts";
import { LayerApplier } from "../../image/layer/apply-layer.ts";
import { encodeLayer } from "../../image/layer/encode-tree.ts";
import { createTree } from "../../image/layer/file-tree.ts";
import { filterTree } from "../../image/layer/filter-tree.ts";
import { TarReader } from "../../image/layer/tar-reader.ts";
import { OCI_LAYER } from "../../image/media-types.ts";
import type { Files } from "../../sys/host.ts";
import { createContentSpool } from "./content-spool.ts";
import { TREE_LIMITS } from "./read-aci.ts";

/** A layer made anew. */
export interface FilteredLayer extends Disposable {
  readonly layer: Descriptor;
  chunks(): Iterable<Uint8Array>;
}

/**
 * A layer with only what a path white-list names, not compressed; the same input gives the same bytes everywhere.
 * @throws {ImageError} "image/bad-layer", "image/too-large"
 */
export function filterLayer(
  host: { readonly temp: Files },
  { chunks, whitelist }: { readonly chunks: Iterable<Uint8Array>; readonly whitelist: readonly string[] },
): FilteredLayer {
  using guard = new DisposableStack();
  const spool = guard.use(createContentSpool(host.temp));
  const tree = createTree();
  const reader = new TarReader(new LayerApplier(tree, { layer: 0, sink: spool }), TREE_LIMITS);
  for (const chunk of chunks) reader.push(chunk);
  reader.end();
  filterTree(tree, whitelist);
  const encode = () => encodeLayer(tree, spool.read);
  const hasher = createHasher("sha256");
  let sizeBytes = 0;
  for (const chunk of encode()) {
    hasher.update(chunk);
    sizeBytes += chunk.byteLength;
  }
  const held = guard.move();
  return {
    layer: { mediaType: OCI_LAYER, digest: hasher.digest(), sizeBytes, annotations: {} },
    chunks: encode,
    [Symbol.dispose]: () => held.dispose(),
  };
}
