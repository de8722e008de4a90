import { OCI_INDEX, OCI_MANIFEST } from "../image/media-types.ts";

const DOCKER_V1_TYPE = "application/vnd.docker.distribution.manifest.v1+prettyjws";

/**
 * Media type a manifest or index says it has, or the OCI one its shape stands for when it says nothing. Undefined for
 * anything that is not a JSON object of either shape. A document of both shapes is neither, so that no two readers
 * can take it for different things.
 */
export function sniffMediaType(raw: Uint8Array): string | undefined {
  let document: unknown;
  try {
    document = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(raw));
  } catch {
    return undefined; // not JSON is one of the answers
  }
  if (typeof document !== "object" || document === null || Array.isArray(document)) return undefined;
  const fields: {
    mediaType?: unknown;
    manifests?: unknown;
    layers?: unknown;
    config?: unknown;
    schemaVersion?: unknown;
  } = document;
  if (fields.schemaVersion === 1) return DOCKER_V1_TYPE;
  const isIndex = Array.isArray(fields.manifests);
  const isManifest = Array.isArray(fields.layers) || fields.config !== undefined;
  if (isIndex === isManifest) return undefined;
  if (typeof fields.mediaType === "string") return fields.mediaType;
  return isIndex ? OCI_INDEX : OCI_MANIFEST;
}
