import type { Digest } from "../image/digest.ts";
import type { PodManifest } from "../pod/manifest.ts";
import type { PodId } from "../pod/names.ts";
import { readPodManifest } from "../pod/pod-store.ts";
import type { EngineContext } from "./context.ts";

/** What the pods of this host need of the image store. */
export interface PodNeeds {
  /** Images, stage1 images included, and the pods that use them. */
  readonly images: ReadonlyMap<Digest, readonly PodId[]>;
  /** Directory names under `layers/`. */
  readonly layers: ReadonlySet<string>;
}

/** How often a pod that is moving between states is looked for again. */
const MAX_LOOKS = 5;

/**
 * Collects the images and layers of every pod in any state. A manifest that cannot be read stops it: what that pod
 * needs is unknown, so nothing may be taken for unused.
 * @throws {PodError} "pod/bad-manifest"
 */
export function readPodNeeds(ctx: Pick<EngineContext, "pods">): PodNeeds {
  const images = new Map<Digest, PodId[]>();
  const layers = new Set<string>();
  for (const { id } of ctx.pods.list()) {
    const manifest = findManifest(ctx, id);
    if (manifest === undefined) continue;
    for (const image of [...stage1Images(manifest), ...manifest.apps.map((app) => app.image)]) {
      const users = images.get(image.digest) ?? [];
      if (!users.includes(id)) images.set(image.digest, [...users, id]);
      for (const layer of image.layers) layers.add(layer);
    }
  }
  return { images, layers };
}

function stage1Images({ stage1 }: PodManifest): readonly PodManifest["apps"][number]["image"][] {
  return stage1.image === undefined ? [] : [stage1.image];
}

// A pod renamed to its next state between the listing and the read is looked for again, not taken for one without needs.
function findManifest({ pods }: Pick<EngineContext, "pods">, id: PodId): PodManifest | undefined {
  for (let look = 0; look < MAX_LOOKS; look++) {
    const before = pods.list().find((pod) => pod.id === id);
    if (before === undefined) return undefined;
    const manifest = readPodManifest(pods.files(before));
    if (manifest !== undefined) return manifest;
    if (pods.list().find((pod) => pod.id === id)?.dir === before.dir) return undefined;
  }
  return undefined;
}

/** Layers that running pods have mounted, by directory name, and those pods. */
export function runningLayers(ctx: Pick<EngineContext, "pods">): ReadonlyMap<string, readonly PodId[]> {
  const users = new Map<string, PodId[]>();
  for (const pod of ctx.pods.list()) {
    if (ctx.pods.state(pod) !== "running") continue;
    const manifest = findManifest(ctx, pod.id);
    if (manifest === undefined) continue;
    for (const image of [...stage1Images(manifest), ...manifest.apps.map((app) => app.image)])
      for (const layer of image.layers) users.set(layer, [...(users.get(layer) ?? []), pod.id]);
  }
  return users;
}
