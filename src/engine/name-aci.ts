import type { AciManifest } from "../image/aci/manifest.ts";
import { findValue, type NameValue } from "../image/aci/name-values.ts";
import { ImageError } from "../image/errors.ts";
import { type ImageName, parseImageName, repositoryOf } from "../image/image-name.ts";
import type { ImageArgument } from "../image/reference.ts";

/** The labels a name asks for: what stands behind it, and the tag as version. */
function labelsOf(name: ImageName): NameValue[] {
  const labels = Object.entries(name.labels).map(([key, value]) => ({ name: key, value }));
  return name.tag === undefined ? labels : [...labels, { name: "version", value: name.tag }];
}

/**
 * Asserts that an App Container Image is the one that was asked for by name: same name, and every label asked for.
 * An image from a file without a name has none to compare.
 * Spec: appc 0.8.11, discovery.md "Validation".
 * @throws {ImageError} "image/name-mismatch"
 */
export function assertAciNamed(manifest: AciManifest, argument: ImageArgument): void {
  const name = askedName(argument);
  if (name === undefined) return;
  // appc names have no ports: the same name on another port of the host is that name.
  const host = name.host.replace(/:[0-9]+$/, "");
  assertAciMatches(manifest, { name: repositoryOf({ ...name, host }), labels: labelsOf(name) });
}

/** @throws {ImageError} "image/name-mismatch" unless the manifest has the name and the labels. */
export function assertAciMatches(
  manifest: AciManifest,
  wanted: { readonly name: string; readonly labels: readonly NameValue[] },
): void {
  if (manifest.name !== wanted.name) throw mismatch(wanted.name, `its manifest says "${manifest.name}"`);
  for (const { name, value } of wanted.labels) {
    const has = findValue(manifest.labels, name);
    if (has === value) continue;
    const state = has === undefined ? `has no label ${name}` : `says ${name}=${has.slice(0, 100)}`;
    throw mismatch(wanted.name, `its manifest ${state} where ${name}=${value.slice(0, 100)} was asked for`);
  }
}

function askedName(argument: ImageArgument): ImageName | undefined {
  if (argument.kind === "name") return argument.name;
  if (argument.kind !== "aci" || argument.ref === undefined) return undefined;
  try {
    return parseImageName(argument.ref);
  } catch (reason) {
    // A plain tag names no image.
    if (reason instanceof ImageError) return undefined;
    throw reason;
  }
}

function mismatch(name: string, state: string): ImageError {
  return new ImageError("image/name-mismatch", `Cannot use App Container Image as "${name.slice(0, 200)}": ${state}`, {
    hint: "tell the publisher: the place of an image and its manifest must agree",
  });
}
