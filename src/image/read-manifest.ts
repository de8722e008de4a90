import { decodeDocument } from "./decode-document.ts";
import { digestOf } from "./digest.ts";
import { DocumentCheck, type JsonObject } from "./document-check.ts";
import type { ImageManifest } from "./image-config.ts";
import { parseDescriptor } from "./parse-descriptor.ts";

/** More layers than any builder makes and any overlay mount takes. */
export const MAX_LAYERS = 512;

/** What one manifest format demands beyond the shape both share. */
export interface ManifestRules {
  readonly mediaType: string;
  /** Whether the document must repeat its own media type. */
  readonly mediaTypeRequired: boolean;
}

/** The shape OCI and Docker manifests share. Used by `oci/manifest.ts` and `docker/manifest.ts` only. */
export function readManifest(raw: Uint8Array, rules: ManifestRules): ImageManifest {
  const check = new DocumentCheck("image/bad-manifest", "image manifest");
  const fields = check.object(decodeDocument(raw, "image/bad-manifest", "image manifest"), "");
  checkHeader(check, fields, rules);
  for (const alien of ["manifests", "fsLayers"]) {
    if (fields[alien] !== undefined) check.report(alien, "does not belong in an image manifest");
  }
  if (!Array.isArray(fields["layers"])) check.report("layers", "missing or not a list");
  const layers = Array.isArray(fields["layers"]) ? check.list(fields["layers"], "layers", MAX_LAYERS) : [];
  const artifactType = check.text(fields["artifactType"], "artifactType", "");
  const subject = fields["subject"];
  const manifest: ImageManifest = {
    raw,
    digest: digestOf(raw),
    mediaType: rules.mediaType,
    config: parseDescriptor(check, fields["config"], "config"),
    layers: layers.map((layer, i) => parseDescriptor(check, layer, `layers[${i}]`)),
    annotations: check.textMap(fields["annotations"], "annotations"),
    ...(artifactType === "" ? {} : { artifactType }),
    ...(subject === undefined || subject === null ? {} : { subject: parseDescriptor(check, subject, "subject") }),
  };
  check.finish();
  return manifest;
}

/**
 * Version and self-declared type. A document that calls itself something else than the descriptor said is refused: one
 * digest must never mean two images. Spec: OCI image-spec v1.1.0, manifest.md "mediaType".
 */
export function checkHeader(check: DocumentCheck, fields: JsonObject, rules: ManifestRules): void {
  if (fields["schemaVersion"] !== 2) check.report("schemaVersion", "not 2");
  const own = check.text(fields["mediaType"], "mediaType", rules.mediaTypeRequired ? undefined : rules.mediaType);
  if (own !== "" && own !== rules.mediaType) {
    check.report("mediaType", `is "${own.slice(0, 100)}" where "${rules.mediaType}" was announced`);
  }
}
