import { decodeDocument } from "./decode-document.ts";
import { digestOf } from "./digest.ts";
import { DocumentCheck } from "./document-check.ts";
import type { ImageIndex } from "./image-index.ts";
import { parseDescriptor } from "./parse-descriptor.ts";
import { checkHeader, type ManifestRules } from "./read-manifest.ts";

/** Far above any real multi-platform image or image layout. */
const MAX_MANIFESTS = 10_000;

/** The shape OCI indexes and Docker manifest lists share. Used by `oci/index.ts` and `docker/index.ts` only. */
export function readIndex(raw: Uint8Array, rules: ManifestRules): ImageIndex {
  const check = new DocumentCheck("image/bad-index", "image index");
  const fields = check.object(decodeDocument(raw, "image/bad-index", "image index"), "");
  checkHeader(check, fields, rules);
  for (const alien of ["layers", "fsLayers", "config"]) {
    if (fields[alien] !== undefined) check.report(alien, "does not belong in an image index");
  }
  if (!Array.isArray(fields["manifests"])) check.report("manifests", "missing or not a list");
  const manifests = Array.isArray(fields["manifests"])
    ? check.list(fields["manifests"], "manifests", MAX_MANIFESTS)
    : [];
  const index: ImageIndex = {
    raw,
    digest: digestOf(raw),
    mediaType: rules.mediaType,
    manifests: manifests.map((entry, i) => parseDescriptor(check, entry, `manifests[${i}]`)),
    annotations: check.textMap(fields["annotations"], "annotations"),
  };
  check.finish();
  return index;
}
