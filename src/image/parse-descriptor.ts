import type { Descriptor, Platform } from "./descriptor.ts";
import type { DocumentCheck } from "./document-check.ts";

/** No single blob of an image may be larger: 1 TiB. */
export const MAX_BLOB_BYTES = 1024 ** 4;

/** Spec: RFC 6838, section 4.2, as OCI image-spec v1.1.0 descriptor.md demands of "mediaType". */
const MEDIA_TYPE = /^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}\/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$/;

/** Reads one descriptor out of a document; problems are reported to `check` under `path`, never thrown. */
export function parseDescriptor(check: DocumentCheck, value: unknown, path: string): Descriptor {
  const fields = check.object(value, path);
  const mediaType = check.text(fields["mediaType"], `${path}.mediaType`);
  if (mediaType !== "" && !MEDIA_TYPE.test(mediaType)) check.report(`${path}.mediaType`, "not a media type");
  const artifactType = check.text(fields["artifactType"], `${path}.artifactType`, "");
  const platform = parsePlatformField(check, fields["platform"], `${path}.platform`);
  return {
    mediaType,
    digest: check.digest(fields["digest"], `${path}.digest`),
    sizeBytes: check.size(fields["size"], `${path}.size`, MAX_BLOB_BYTES),
    annotations: check.textMap(fields["annotations"], `${path}.annotations`),
    ...(artifactType === "" ? {} : { artifactType }),
    ...(platform === undefined ? {} : { platform }),
  };
}

function parsePlatformField(check: DocumentCheck, value: unknown, path: string): Platform | undefined {
  if (value === undefined || value === null) return undefined;
  const fields = check.object(value, path);
  const variant = check.text(fields["variant"], `${path}.variant`, "");
  return {
    os: check.text(fields["os"], `${path}.os`),
    architecture: check.text(fields["architecture"], `${path}.architecture`),
    ...(variant === "" ? {} : { variant }),
  };
}
