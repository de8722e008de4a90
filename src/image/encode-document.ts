import type { Descriptor, Platform } from "./descriptor.ts";
import type { ImageConfig } from "./image-config.ts";
import { OCI_INDEX, OCI_MANIFEST } from "./media-types.ts";

/** What a new manifest says; artifacts (signatures) set `artifactType` and `subject`. */
export interface ManifestInput {
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly mediaType?: string;
  readonly artifactType?: string;
  readonly subject?: Descriptor;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** What a new index says. */
export interface IndexInput {
  readonly manifests: readonly Descriptor[];
  readonly mediaType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** OCI manifest as bytes: the same input always gives the same bytes, hence the same digest. */
export function encodeManifest(input: ManifestInput): Uint8Array {
  return encode({
    schemaVersion: 2,
    mediaType: input.mediaType ?? OCI_MANIFEST,
    artifactType: input.artifactType,
    config: descriptorFields(input.config),
    layers: input.layers.map(descriptorFields),
    subject: input.subject === undefined ? undefined : descriptorFields(input.subject),
    annotations: sortedOrAbsent(input.annotations),
  });
}

/** OCI index as bytes, deterministic like `encodeManifest`. */
export function encodeIndex(input: IndexInput): Uint8Array {
  return encode({
    schemaVersion: 2,
    mediaType: input.mediaType ?? OCI_INDEX,
    manifests: input.manifests.map(descriptorFields),
    annotations: sortedOrAbsent(input.annotations),
  });
}

/** OCI image config as bytes, deterministic like `encodeManifest`; empty fields are left out. */
export function encodeConfig(config: ImageConfig): Uint8Array {
  const ports = config.exposedPorts.map(({ port, protocol }) => [`${port}/${protocol}`, {}] as const);
  return encode({
    created: config.createdAt,
    ...platformFields(config.platform),
    config: {
      User: config.user || undefined,
      ExposedPorts: ports.length === 0 ? undefined : Object.fromEntries(ports.sort()),
      Env: nonEmpty(config.env),
      Entrypoint: nonEmpty(config.entrypoint),
      Cmd: nonEmpty(config.cmd),
      Volumes:
        config.volumes.length === 0
          ? undefined
          : Object.fromEntries(config.volumes.toSorted().map((path) => [path, {}])),
      WorkingDir: config.workingDir === "/" ? undefined : config.workingDir,
      Labels: sortedOrAbsent(config.labels),
      StopSignal: config.stopSignal || undefined,
    },
    rootfs: { type: "layers", diff_ids: config.diffIds },
  });
}

function descriptorFields(descriptor: Descriptor): Readonly<Record<string, unknown>> {
  return {
    mediaType: descriptor.mediaType,
    artifactType: descriptor.artifactType,
    digest: descriptor.digest,
    size: descriptor.sizeBytes,
    annotations: sortedOrAbsent(descriptor.annotations),
    platform: descriptor.platform === undefined ? undefined : platformFields(descriptor.platform),
  };
}

function platformFields(platform: Platform): Readonly<Record<string, unknown>> {
  return { architecture: platform.architecture, os: platform.os, variant: platform.variant };
}

function sortedOrAbsent(map: Readonly<Record<string, string>> | undefined): Record<string, string> | undefined {
  const entries = Object.entries(map ?? {});
  return entries.length === 0 ? undefined : Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function nonEmpty(list: readonly string[]): readonly string[] | undefined {
  return list.length === 0 ? undefined : list;
}

function encode(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}
