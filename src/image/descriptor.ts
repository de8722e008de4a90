import type { Digest } from "./digest.ts";

/** What a manifest or index says about one blob. Spec: OCI image-spec v1.1.0, descriptor.md. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly annotations: Readonly<Record<string, string>>;
  readonly artifactType?: string;
  readonly platform?: Platform;
}

/** Where an image can run, in Go's words (`linux`, `amd64`, `v8`). Spec: image-spec v1.1.0, image-index.md "platform". */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}
