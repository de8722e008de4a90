import { configOfManifest, manifestOfLabels } from "../image/aci/config.ts";
import { formatImageId } from "../image/aci/identifier.ts";
import type { Dependency } from "../image/aci/manifest.ts";
import { findValue } from "../image/aci/name-values.ts";
import type { Descriptor } from "../image/descriptor.ts";
import { type Digest, digestOf } from "../image/digest.ts";
import { encodeConfig, encodeManifest } from "../image/encode-document.ts";
import { ImageError } from "../image/errors.ts";
import type { ImageManifest } from "../image/image-config.ts";
import { OCI_CONFIG, OCI_MANIFEST } from "../image/media-types.ts";
import { parseManifest } from "../image/parse-manifest.ts";
import { filterLayer } from "../transport/aci/filter-layer.ts";
import type { AciFacts } from "../transport/image-source.ts";
import { type AciRequest, DEPENDENCIES_ANNOTATION, type FetchedDependency } from "./aci-dependencies.ts";
import type { EngineContext } from "./context.ts";
import { assertAciMatches } from "./name-aci.ts";

/** Deepest chain of dependencies, and most images one image may need in all. */
const MAX_DEPTH = 16;
const MAX_IMAGES = 64;

/** An App Container Image that was verified and stored without its dependencies. */
export interface UnresolvedAci {
  readonly aci: AciFacts;
  readonly manifest: ImageManifest;
  /** How the image itself was asked for. */
  readonly input: AciRequest;
}

/** How an image is fetched: `fetchImage`, passed in because the two call each other. */
export type FetchDependency = (input: AciRequest) => Promise<FetchedDependency>;

/**
 * The image as it is run: files of its dependencies beneath its own, in the order of the specification, without what its
 * path white-list leaves out. Every dependency is fetched by name like any image: verified by its own signature under
 * its own name, and stored. An image without dependencies is returned as it is.
 * Spec: appc 0.8.11, aci.md "Dependency Matching", ace.md "Filesystem Setup".
 * @throws {ImageError} "image/bad-dependency", "image/name-mismatch"; {TrustError}; {TransportError}
 */
export async function resolveAci(
  ctx: EngineContext,
  image: UnresolvedAci,
  fetchDependency: FetchDependency,
): Promise<ImageManifest> {
  const { manifest: appc } = image.aci;
  if (appc.dependencies.length === 0) return image.manifest;
  const layers: Descriptor[] = [];
  const diffIds: Digest[] = [];
  const trusted: { readonly name: string; readonly digest: Digest }[] = [];
  for (const dependency of appc.dependencies) {
    const ready = await fetchOne(ctx, { dependency, image }, fetchDependency);
    trusted.push({ name: ready.trustName, digest: ready.manifest.digest });
    for (const [i, layer] of ready.manifest.layers.entries()) {
      const diffId = ready.config.diffIds[i];
      if (diffId === undefined) continue;
      const kept =
        appc.pathWhitelist.length === 0 ? { layer, diffId } : await filterStored(ctx, layer, appc.pathWhitelist);
      layers.push(kept.layer);
      diffIds.push(kept.diffId);
    }
  }
  const [own] = image.manifest.layers;
  if (own !== undefined) layers.push(own);
  // The layer of an App Container Image is not compressed: its digest is its diffID.
  if (own !== undefined) diffIds.push(own.digest);
  const config = await putDocument(ctx, OCI_CONFIG, encodeConfig(configOfManifest(appc, diffIds)));
  const annotations = { [DEPENDENCIES_ANNOTATION]: JSON.stringify(trusted) };
  const raw = encodeManifest({ config, layers, annotations });
  await putDocument(ctx, OCI_MANIFEST, raw);
  return parseManifest(raw, OCI_MANIFEST);
}

async function fetchOne(
  ctx: EngineContext,
  { dependency, image }: { readonly dependency: Dependency; readonly image: UnresolvedAci },
  fetchDependency: FetchDependency,
): Promise<FetchedDependency> {
  const trail = image.input.within ?? { names: [], count: { value: 0 } };
  const names = [...trail.names, image.aci.manifest.name];
  if (names.includes(dependency.imageName))
    throw badDependency(dependency, `it needs itself (${[...names, dependency.imageName].join(" → ")})`);
  if (names.length > MAX_DEPTH) throw badDependency(dependency, `more than ${MAX_DEPTH} images need each other`);
  trail.count.value += 1;
  if (trail.count.value > MAX_IMAGES)
    throw badDependency(dependency, `more than ${MAX_IMAGES} images are needed in all`);
  const { platform } = image.input;
  // An ID or version means one image for ever: asking its source again would find the same.
  const isFixed = dependency.imageId !== undefined || findValue(dependency.labels, "version") !== undefined;
  const pullPolicy = isFixed && image.input.pullPolicy === "update" ? "new" : image.input.pullPolicy;
  const ready = await fetchDependency({
    image: nameOf(dependency),
    pullPolicy,
    within: { names, count: trail.count },
    ...(platform === undefined ? {} : { platform }),
  });
  assertDependency(ctx, dependency, ready);
  return ready;
}

function assertDependency(ctx: EngineContext, dependency: Dependency, ready: FetchedDependency): void {
  const appc = manifestOfLabels(ready.config.labels);
  const stored = ctx.images.getRef(ready.name)?.aci;
  if (appc === undefined || stored === undefined)
    throw badDependency(dependency, "what its name leads to is no App Container Image");
  assertAciMatches(appc, { name: dependency.imageName, labels: dependency.labels });
  const { imageId, sizeBytes } = dependency;
  if (imageId !== undefined && imageId !== stored.id)
    throw badDependency(
      dependency,
      `its image ID is ${formatImageId(stored.id).slice(0, 24)}…, not the one that is demanded`,
    );
  if (sizeBytes !== undefined && sizeBytes !== stored.archive.sizeBytes)
    throw badDependency(dependency, `it has ${stored.archive.sizeBytes} bytes, not ${sizeBytes}`);
}

/** The name a dependency is fetched by: its version is the tag, its other labels follow. */
function nameOf({ imageName, labels }: Dependency): string {
  const version = findValue(labels, "version");
  const others = labels.filter(({ name }) => name !== "version").map(({ name, value }) => `,${name}=${value}`);
  return `${imageName}${version === undefined ? "" : `:${version}`}${others.join("")}`;
}

async function filterStored(ctx: EngineContext, layer: Descriptor, whitelist: readonly string[]) {
  const filtered = filterLayer(
    { temp: ctx.root },
    {
      chunks: ctx.images.files.readChunks(ctx.images.blobPath(layer.digest).slice(ctx.images.files.root.length + 1)),
      whitelist,
    },
  );
  using held = filtered;
  await ctx.images.putBlob(held.layer, held.chunks());
  return { layer: held.layer, diffId: held.layer.digest };
}

async function putDocument(ctx: EngineContext, mediaType: string, raw: Uint8Array): Promise<Descriptor> {
  const descriptor = { mediaType, digest: digestOf(raw), sizeBytes: raw.byteLength, annotations: {} };
  await ctx.images.putBlob(descriptor, [raw]);
  return descriptor;
}

function badDependency(dependency: Dependency, state: string): ImageError {
  return new ImageError(
    "image/bad-dependency",
    `Cannot use dependency "${dependency.imageName.slice(0, 200)}": ${state}`,
    {
      hint: "tell the publisher of the image that depends on it",
    },
  );
}
