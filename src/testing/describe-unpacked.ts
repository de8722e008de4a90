import { parseConfig } from "../image/parse-config.ts";
import { parseManifest } from "../image/parse-manifest.ts";
import { openImageStore } from "../store/image-store.ts";
import { unpackLayerJob } from "../store/unpack-layer.ts";
import { unpackLayers } from "../store/unpack-layers.ts";
import { overlayLowerDirs, rootAttributesDir } from "../store/unpacked-layer.ts";
import { openFiles } from "../sys/linux/files.ts";
import { describeTree } from "./describe-tree.ts";
import type { BuiltImage } from "./image-builder.ts";

/** The merged tree of an image, one line per file, after our own unpacking and an overlay mount. Needs root. */
export async function describeUnpacked(root: string, image: BuiltImage): Promise<string[]> {
  const files = openFiles(`${root}/store`);
  const store = openImageStore(files, { nowMs: () => 0 });
  for (const [digest, bytes] of image.blobs) await store.putBlob({ digest, sizeBytes: bytes.byteLength }, [bytes]);
  const manifest = parseManifest(image.manifest, image.descriptor.mediaType);
  const layers = await unpackLayers(
    { files, runJob: unpackLayerJob, maxParallel: 2 },
    { manifest, config: parseConfig(image.config) },
  );
  const dirs = overlayLowerDirs(layers);
  // An overlay of one directory needs a second one.
  files.ensureDir("empty");
  files.ensureDir("merged");
  const merged = files.path("merged");
  const lower = [...dirs, files.path("empty")].join(":");
  const tree = describeTree(merged, `mount -t overlay overlay -o lowerdir=${lower} ${merged}`);
  if (tree[0]?.startsWith("failed") === true) return tree;
  // The merged root shows the attributes of the top layer only; the pod's upper directory takes them from here.
  const rootDir = rootAttributesDir(layers);
  const [rootLine = ""] = rootDir === undefined ? [] : describeTree(rootDir, "true");
  return [rootLine, ...tree.slice(1)];
}
