import type { Descriptor, Platform } from "../image/descriptor.ts";
import { parseDigest } from "../image/digest.ts";
import { TransportError } from "./errors.ts";

/** Most entries an index may list. */
const MAX_ENTRIES = 1000;
const MAX_TEXT_CHARS = 4096;

/** The parts of a manifest that matter for finding what is attached to what. */
export interface ArtifactManifest {
  /** `artifactType`, or the config's media type as older writers have it. */
  readonly artifactType: string;
  readonly subject: Descriptor | undefined;
  readonly layers: readonly Descriptor[];
}

/**
 * Entries of an index (`manifests`), at most 1000.
 * @throws {TransportError} "transport/bad-answer"; {ImageError} "image/bad-digest".
 * Spec: OCI image-spec v1.1.0, image-index.md.
 */
export function readIndexEntries(raw: Uint8Array, what: string): readonly Descriptor[] {
  const { manifests } = readObject(raw, what) as { manifests?: unknown };
  return readList(manifests, `${what}: its "manifests"`);
}

/** Reads a manifest as an artifact. @throws {TransportError} "transport/bad-answer" Spec: image-spec v1.1.0, manifest.md. */
export function readArtifactManifest(raw: Uint8Array, what: string): ArtifactManifest {
  const fields = readObject(raw, what) as { artifactType?: unknown; config?: unknown; subject?: unknown; layers?: unknown };
  const config = fields.config as { mediaType?: unknown } | undefined | null;
  return {
    artifactType: shortText(fields.artifactType) ?? shortText(config?.mediaType) ?? "",
    subject: fields.subject === undefined ? undefined : readDescriptor(fields.subject, `${what}: its subject`),
    layers: readList(fields.layers ?? [], `${what}: its "layers"`),
  };
}

/** The JSON object in `raw`. @throws {TransportError} "transport/bad-answer" */
export function readObject(raw: Uint8Array, what: string): object {
  let document: unknown;
  try {
    document = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(raw));
  } catch (reason) {
    throw new TransportError("transport/bad-answer", `Cannot ${what}: it is not JSON`, { cause: reason });
  }
  if (typeof document === "object" && document !== null && !Array.isArray(document)) return document;
  throw new TransportError("transport/bad-answer", `Cannot ${what}: it is not a JSON object`);
}

function readList(value: unknown, what: string): readonly Descriptor[] {
  if (!Array.isArray(value) || value.length > MAX_ENTRIES) {
    throw new TransportError("transport/bad-answer", `Cannot ${what} is not a list of at most ${MAX_ENTRIES} entries`);
  }
  return value.map((entry) => readDescriptor(entry, what));
}

function readDescriptor(value: unknown, what: string): Descriptor {
  const fields = (typeof value === "object" && value !== null ? value : {}) as Record<string, unknown>;
  const { mediaType, digest, size, artifactType } = fields as { mediaType?: unknown; digest?: unknown; size?: unknown; artifactType?: unknown };
  if (typeof digest !== "string" || !Number.isSafeInteger(size) || Number(size) < 0) {
    throw new TransportError("transport/bad-answer", `Cannot ${what}: a descriptor lacks digest or size`);
  }
  const type = shortText(artifactType);
  const platform = readPlatform(fields["platform"]);
  return {
    mediaType: shortText(mediaType) ?? "",
    digest: parseDigest(digest),
    sizeBytes: Number(size),
    annotations: readAnnotations(fields["annotations"]),
    ...(type === undefined ? {} : { artifactType: type }),
    ...(platform === undefined ? {} : { platform }),
  };
}

function readPlatform(value: unknown): Platform | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { os, architecture, variant } = value as { os?: unknown; architecture?: unknown; variant?: unknown };
  const name = shortText(os);
  const arch = shortText(architecture);
  if (name === undefined || arch === undefined) return undefined;
  const kind = shortText(variant);
  return { os: name, architecture: arch, ...(kind === undefined ? {} : { variant: kind }) };
}

function readAnnotations(value: unknown): Readonly<Record<string, string>> {
  if (typeof value !== "object" || value === null) return {};
  return Object.fromEntries(Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === "string"));
}

function shortText(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" && value.length <= MAX_TEXT_CHARS ? value : undefined;
}
