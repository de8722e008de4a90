import { gzipSync, zstdCompressSync } from "node:zlib";
import type { Descriptor, Platform } from "../image/descriptor.ts";
import { type Digest, digestOf, splitDigest } from "../image/digest.ts";
import { encodeConfig, encodeIndex, encodeManifest } from "../image/encode-document.ts";
import type { ImageConfig } from "../image/image-config.ts";
import { encodeTar, type TarInput } from "../image/layer/encode-tar.ts";
import type { LayerFormat } from "../image/media-types.ts";
import { OCI_CONFIG, OCI_LAYER, OCI_LAYER_GZIP, OCI_LAYER_ZSTD, OCI_MANIFEST } from "../image/media-types.ts";

/** An image in memory with everything needed to serve or store it. */
export interface BuiltImage {
  readonly descriptor: Descriptor;
  readonly manifest: Uint8Array;
  readonly config: Uint8Array;
  readonly layers: readonly Descriptor[];
  readonly diffIds: readonly Digest[];
  /** Manifest, config and layers by digest. */
  readonly blobs: ReadonlyMap<Digest, Uint8Array>;
}

const MEDIA_TYPES = { none: OCI_LAYER, gzip: OCI_LAYER_GZIP, zstd: OCI_LAYER_ZSTD } as const;

const EMPTY_CONFIG: Omit<ImageConfig, "diffIds"> = {
  platform: { os: "linux", architecture: "amd64" },
  entrypoint: [],
  cmd: [],
  env: [],
  user: "",
  workingDir: "/",
  volumes: [],
  exposedPorts: [],
  labels: {},
  stopSignal: "",
};

/** Begins an image; the same calls always give the same bytes. */
export function anImage(): ImageBuilder {
  return new ImageBuilder([], EMPTY_CONFIG, {});
}

/** An image in the making. Every call gives a new builder, so that variants can share a beginning. */
export class ImageBuilder {
  readonly #tars: readonly { readonly tar: Uint8Array; readonly compression: LayerFormat["compression"] }[];
  readonly #config: Omit<ImageConfig, "diffIds">;
  readonly #annotations: Readonly<Record<string, string>>;

  constructor(
    tars: ImageBuilder["layerTars"],
    config: Omit<ImageConfig, "diffIds">,
    annotations: Readonly<Record<string, string>>,
  ) {
    this.#tars = tars;
    this.#config = config;
    this.#annotations = annotations;
  }

  /** The uncompressed layers so far, lowest first. */
  get layerTars(): readonly { readonly tar: Uint8Array; readonly compression: LayerFormat["compression"] }[] {
    return this.#tars;
  }

  /** Adds a layer on top; a ready tar stream is taken as it is. */
  withLayer(content: readonly TarInput[] | Uint8Array, compression: LayerFormat["compression"] = "gzip"): ImageBuilder {
    const tar = content instanceof Uint8Array ? content : encodeTar(content);
    return new ImageBuilder([...this.#tars, { tar, compression }], this.#config, this.#annotations);
  }

  withConfig(config: Partial<Omit<ImageConfig, "diffIds">>): ImageBuilder {
    return new ImageBuilder(this.#tars, { ...this.#config, ...config }, this.#annotations);
  }

  withPlatform(platform: Platform): ImageBuilder {
    return this.withConfig({ platform });
  }

  withAnnotations(annotations: Readonly<Record<string, string>>): ImageBuilder {
    return new ImageBuilder(this.#tars, this.#config, annotations);
  }

  build(): BuiltImage {
    const blobs = new Map<Digest, Uint8Array>();
    const put = (mediaType: string, bytes: Uint8Array): Descriptor => {
      const digest = digestOf(bytes);
      blobs.set(digest, bytes);
      return { mediaType, digest, sizeBytes: bytes.byteLength, annotations: {} };
    };
    const layers = this.#tars.map(({ tar, compression }) => put(MEDIA_TYPES[compression], pack(tar, compression)));
    const diffIds = this.#tars.map(({ tar }) => digestOf(tar));
    const config = encodeConfig({ ...this.#config, diffIds });
    const manifest = encodeManifest({ config: put(OCI_CONFIG, config), layers, annotations: this.#annotations });
    const descriptor = { ...put(OCI_MANIFEST, manifest), platform: this.#config.platform };
    return { descriptor, manifest, config, layers, diffIds, blobs };
  }
}

/**
 * The files of an OCI image layout holding `image` under the name `ref`, by path relative to the layout.
 * Spec: OCI image-spec v1.1.0, image-layout.md.
 */
export function layoutFiles(image: BuiltImage, ref: string): ReadonlyMap<string, Uint8Array> {
  const entry: Descriptor = { ...image.descriptor, annotations: { "org.opencontainers.image.ref.name": ref } };
  const files = new Map<string, Uint8Array>([
    ["oci-layout", new TextEncoder().encode('{"imageLayoutVersion":"1.0.0"}')],
    ["index.json", encodeIndex({ manifests: [entry] })],
  ]);
  for (const [digest, bytes] of image.blobs) {
    const { algorithm, hex } = splitDigest(digest);
    files.set(`blobs/${algorithm}/${hex}`, bytes);
  }
  return files;
}

/** The same layout as the bytes of an OCI archive. */
export function encodeArchive(image: BuiltImage, ref: string): Uint8Array {
  return encodeTar([...layoutFiles(image, ref)].map(([path, content]) => ({ path, content })));
}

/** `length` bytes that look random and are the same for the same `seed`. */
export function seededBytes(seed: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = seed >>> 0 || 1;
  for (let i = 0; i < length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[i] = state & 0xff;
  }
  return bytes;
}

function pack(tar: Uint8Array, compression: LayerFormat["compression"]): Uint8Array {
  if (compression === "none") return tar;
  return compression === "gzip" ? gzipSync(tar) : zstdCompressSync(tar);
}
