import { decodeDocument } from "../decode-document.ts";
import type { Digest } from "../digest.ts";
import { DocumentCheck } from "../document-check.ts";
import { type AciApp, readApp } from "./app.ts";
import { readAbsolutePath, readIdentifier, readImageId, readInteger, readVersion } from "./identifier.ts";
import { type NameValue, readAnnotations, readLabels } from "./name-values.ts";

/** An image whose files come before this one's. */
export interface Dependency {
  readonly imageName: string;
  readonly imageId?: Digest;
  readonly labels: readonly NameValue[];
  /** Size of the archive in bytes, when given. */
  readonly sizeBytes?: number;
}

/** The manifest of an App Container Image; `raw` is what lies in the archive. Spec: appc 0.8.11, aci.md "Image Manifest Schema". */
export interface AciManifest {
  readonly raw: Uint8Array;
  readonly acVersion: string;
  readonly name: string;
  readonly labels: readonly NameValue[];
  readonly app?: AciApp;
  readonly dependencies: readonly Dependency[];
  readonly pathWhitelist: readonly string[];
  readonly annotations: readonly NameValue[];
}

/** The version of the specification that is written and read. */
export const AC_VERSION = "0.8.11";

const MAX_DEPENDENCIES = 64;
const MAX_WHITELIST = 100_000;

/**
 * Parses the manifest of an App Container Image.
 * @throws {ImageError} "image/bad-manifest" naming every bad field, "image/too-large".
 */
export function parseAciManifest(raw: Uint8Array): AciManifest {
  const check = new DocumentCheck("image/bad-manifest", "appc image manifest");
  const fields = check.object(decodeDocument(raw, "image/bad-manifest", "appc image manifest"), "");
  if (fields["acKind"] !== "ImageManifest") check.report("acKind", 'not "ImageManifest"');
  const { app } = fields;
  const manifest: AciManifest = {
    raw,
    acVersion: readVersion(check, fields["acVersion"], "acVersion"),
    name: readIdentifier(check, fields["name"], "name"),
    labels: readLabels(check, fields["labels"], "labels"),
    ...(app === undefined || app === null ? {} : { app: readApp(check, app, "app") }),
    dependencies: check
      .list(fields["dependencies"], "dependencies", MAX_DEPENDENCIES)
      .map((entry, i) => readDependency(check, entry, `dependencies[${i}]`)),
    pathWhitelist: check
      .list(fields["pathWhitelist"], "pathWhitelist", MAX_WHITELIST)
      .map((entry, i) => readAbsolutePath(check, entry, `pathWhitelist[${i}]`)),
    annotations: readAnnotations(check, fields["annotations"], "annotations"),
  };
  check.finish();
  return manifest;
}

function readDependency(check: DocumentCheck, value: unknown, path: string): Dependency {
  const fields = check.object(value, path);
  const { imageID: id, size } = fields;
  return {
    imageName: readIdentifier(check, fields["imageName"], `${path}.imageName`),
    ...(id === undefined || id === null ? {} : { imageId: readImageId(check, id, `${path}.imageID`) }),
    labels: readLabels(check, fields["labels"], `${path}.labels`),
    // 0 is how Go programs write "not given".
    ...(size === undefined || size === null || size === 0
      ? {}
      : {
          sizeBytes: readInteger(
            check,
            { value: size, path: `${path}.size` },
            { min: 0, max: Number.MAX_SAFE_INTEGER },
          ),
        }),
  };
}
