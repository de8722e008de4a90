import { mkdirSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Descriptor } from "../src/image/descriptor.ts";
import { type Digest, digestOf, parseDigest } from "../src/image/digest.ts";
import { encodeConfig, encodeIndex, encodeManifest } from "../src/image/encode-document.ts";
import { OCI_CONFIG, OCI_LAYER_GZIP, OCI_LAYER_ZSTD, OCI_MANIFEST } from "../src/image/media-types.ts";
import { hostPlatform } from "../src/image/platform.ts";
import type { Lab } from "./lab.ts";
import { call } from "./programs.ts";

/** What a large image is made of. */
export interface LargeImagePlan {
  readonly layers: number;
  readonly compression: "gzip" | "zstd";
  /** Of the files, all layers together. */
  readonly sizeMb: number;
}

/** A large image as an OCI layout on disk. */
export interface LargeImage {
  readonly compression: LargeImagePlan["compression"];
  /** Directory of the layout; the image's name in it is "1". */
  readonly layout: string;
  /** Packed layers, lowest first. */
  readonly blobs: readonly string[];
  readonly files: number;
  readonly packedMb: number;
}

const SOURCES = ["/usr/lib", "/usr/share", "/usr/bin", "/usr/sbin"];
const MAX_FILE_BYTES = 64 * 1024 * 1024;

/** Builds an image from real files of this host, small and large as they come, spread over the layers. */
export function makeLargeImage(lab: Lab, plan: LargeImagePlan): LargeImage {
  const dir = join(lab.world.dir, `large-${plan.layers}-${plan.compression}`);
  const layout = join(dir, "layout");
  mkdirSync(join(layout, "blobs/sha256"), { recursive: true });
  const picked = pickFiles(plan.sizeMb * 1024 * 1024);
  const layers = Array.from({ length: plan.layers }, (_, layer) => {
    // Neighbours stay together, as what one package or one build step adds does.
    const share = Math.ceil(picked.paths.length / plan.layers);
    const paths = picked.paths.slice(layer * share, (layer + 1) * share);
    return packLayer({ dir, layout, compression: plan.compression, paths, layer });
  });
  const put = (mediaType: string, bytes: Uint8Array): Descriptor => {
    const digest = digestOf(bytes);
    writeFileSync(join(layout, "blobs", digest.replace(":", "/")), bytes);
    return { mediaType, digest, sizeBytes: bytes.byteLength, annotations: {} };
  };
  const config = encodeConfig({
    ...{ platform: hostPlatform(process.arch), diffIds: layers.map((one) => one.diffId) },
    ...{ entrypoint: [], cmd: ["/bin/true"], env: [], user: "", workingDir: "/", volumes: [], exposedPorts: [] },
    ...{ labels: {}, stopSignal: "" },
  });
  const manifest = encodeManifest({
    config: put(OCI_CONFIG, config),
    layers: layers.map((one) => one.descriptor),
    annotations: {},
  });
  const ref = { "org.opencontainers.image.ref.name": "1" };
  writeFileSync(join(layout, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(
    join(layout, "index.json"),
    encodeIndex({ manifests: [{ ...put(OCI_MANIFEST, manifest), annotations: ref }] }),
  );
  const packedBytes = layers.reduce((sum, one) => sum + one.descriptor.sizeBytes, 0);
  return {
    layout,
    compression: plan.compression,
    blobs: layers.map((one) => join(layout, "blobs", one.descriptor.digest.replace(":", "/"))),
    files: picked.paths.length,
    packedMb: packedBytes / 1024 / 1024,
  };
}

interface LayerPlan {
  readonly dir: string;
  readonly layout: string;
  readonly compression: LargeImagePlan["compression"];
  readonly paths: readonly string[];
  readonly layer: number;
}

function packLayer(plan: LayerPlan): { readonly descriptor: Descriptor; readonly diffId: Digest } {
  const { compression, layout, paths } = plan;
  const [tar, list] = [join(plan.dir, `${plan.layer}.tar`), join(plan.dir, `${plan.layer}.list`)];
  // Directories too, each before what is in it: that is how image builders write layers.
  const members = [...new Set(paths.flatMap((path) => withParents(path.slice(1))))].toSorted();
  writeFileSync(list, members.map((path) => `${path}\0`).join(""));
  call(["tar", "--create", "--file", tar, "--directory=/", "--no-recursion", "--null", "--files-from", list]);
  const diffId = parseDigest(`sha256:${call(["sha256sum", tar]).slice(0, 64)}`);
  call(compression === "gzip" ? ["gzip", "-6", tar] : ["zstd", "--quiet", "-T0", "--rm", tar]);
  const packed = `${tar}.${compression === "gzip" ? "gz" : "zst"}`;
  const digest = parseDigest(`sha256:${call(["sha256sum", packed]).slice(0, 64)}`);
  renameSync(packed, join(layout, "blobs", digest.replace(":", "/")));
  const sizeBytes = statSync(join(layout, "blobs", digest.replace(":", "/"))).size;
  const mediaType = compression === "gzip" ? OCI_LAYER_GZIP : OCI_LAYER_ZSTD;
  return { descriptor: { mediaType, digest, sizeBytes, annotations: {} }, diffId };
}

function withParents(path: string): string[] {
  const parts = path.split("/");
  return parts.map((_part, i) => parts.slice(0, i + 1).join("/"));
}

/** In an order that is random but the same at every run, so that sizes are mixed as they are in the whole. */
function pickFiles(wantBytes: number): { readonly paths: readonly string[] } {
  const listed = call(["find", ...SOURCES, "-xdev", "-type", "f", "-printf", "%s %p\\0"]).split("\0");
  const files = listed.flatMap((entry) => {
    const [size = "", ...rest] = entry.split(" ");
    const path = rest.join(" ");
    return path === "" ? [] : [{ path, size: Number(size), order: Bun.hash(path) }];
  });
  const paths: string[] = [];
  let bytes = 0;
  for (const { path, size } of files.toSorted((a, b) => (a.order < b.order ? -1 : 1))) {
    if (bytes + size > wantBytes || size > MAX_FILE_BYTES) continue;
    bytes += size;
    paths.push(path);
  }
  return { paths: paths.toSorted() };
}
