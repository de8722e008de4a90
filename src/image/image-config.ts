import type { Platform } from "./descriptor.ts";
import type { Digest } from "./digest.ts";

/** A port the image says it listens on. */
export interface ExposedPort {
  readonly port: number;
  readonly protocol: "tcp" | "udp" | "sctp";
}

/**
 * What an image asks of its runtime, from whatever format. Bytes of the original stay in the blob; this is the parse.
 * Spec: OCI image-spec v1.1.0, config.md.
 */
export interface ImageConfig {
  readonly platform: Platform;
  /** Uncompressed layer digests, lowest first. */
  readonly diffIds: readonly Digest[];
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  /** `NAME=value` in order; the last of a name wins. */
  readonly env: readonly string[];
  /** `user`, `uid`, `user:group` or "" (root). */
  readonly user: string;
  /** Absolute, "/" when not given. */
  readonly workingDir: string;
  readonly volumes: readonly string[];
  readonly exposedPorts: readonly ExposedPort[];
  readonly labels: Readonly<Record<string, string>>;
  /** Signal name or number, e.g. `SIGTERM`; "" when not given. */
  readonly stopSignal: string;
  readonly createdAt?: string;
}

/** An image manifest, whatever its media type; `raw` is what the digest is over. */
export interface ImageManifest {
  readonly raw: Uint8Array;
  readonly digest: Digest;
  readonly mediaType: string;
  readonly config: import("./descriptor.ts").Descriptor;
  /** Lowest first. */
  readonly layers: readonly import("./descriptor.ts").Descriptor[];
  readonly annotations: Readonly<Record<string, string>>;
  readonly artifactType?: string;
  readonly subject?: import("./descriptor.ts").Descriptor;
}
