import { MAX_DOCUMENT_BYTES } from "../image/decode-document.ts";
import type { ImageConfig, ImageManifest } from "../image/image-config.ts";
import { parseConfig } from "../image/parse-config.ts";
import type { UnpackedLayer } from "../store/unpacked-layer.ts";
import type { VerificationRecord } from "../trust/records.ts";
import type { DependencyTrail } from "./aci-dependencies.ts";
import type { EngineContext } from "./context.ts";

/** An image that is here, verified and unpacked. */
export interface ReadyImage {
  /** Full name it is stored under. */
  readonly name: string;
  /** Name without tag, as trust knows it. */
  readonly trustName: string;
  readonly manifest: ImageManifest;
  readonly config: ImageConfig;
  readonly layers: readonly UnpackedLayer[];
  readonly record: VerificationRecord;
  readonly isCached: boolean;
  readonly sizeBytes: number;
}

/** What to fetch. */
export interface FetchInput {
  readonly image: string;
  readonly platform?: string;
  readonly pullPolicy: "new" | "update" | "never";
  /** The images this one is a dependency of. */
  readonly within?: DependencyTrail;
}

/** The configuration of an image whose blobs are in the store. @throws {StoreError} "store/not-found", {ImageError} */
export function readStoredConfig(ctx: EngineContext, manifest: ImageManifest): ImageConfig {
  return parseConfig(ctx.images.readBlob(manifest.config, MAX_DOCUMENT_BYTES), manifest.config.mediaType);
}

/** Bytes of manifest, configuration and packed layers together. */
export function packedSize(manifest: ImageManifest): number {
  return manifest.raw.byteLength + [manifest.config, ...manifest.layers].reduce((sum, blob) => sum + blob.sizeBytes, 0);
}
