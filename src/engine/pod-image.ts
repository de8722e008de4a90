import type { PodImage } from "../pod/manifest.ts";
import { rootAttributesDir } from "../store/unpacked-layer.ts";
import type { ReadyImage } from "./ready-image.ts";

/** What a pod's manifest says about an image. A layer that occurs twice is named once, at its top place. */
export function podImageOf(ready: ReadyImage): PodImage {
  const names = ready.layers.map((layer) => layer.name);
  const unique = names.filter((name, index) => names.lastIndexOf(name) === index);
  const rootDir = rootAttributesDir(ready.layers);
  const root = ready.layers.findLast((layer) => layer.dir === rootDir);
  return {
    name: ready.name,
    digest: ready.manifest.digest,
    configDigest: ready.manifest.config.digest,
    layers: unique,
    ...(root === undefined ? {} : { rootLayer: root.name }),
  };
}
