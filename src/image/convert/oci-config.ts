import { canonicalJson, type JsonValue } from "../../base/json.ts";
import { decodeDocument } from "../decode-document.ts";
import type { Digest } from "../digest.ts";

/**
 * The part of an OCI or Docker config that does not depend on its layers, as canonical JSON: what an App Container Image
 * keeps of it in an annotation, and what makes equal images of equal configs.
 * @throws {ImageError} "image/bad-config"
 */
export function layerFreeConfig(raw: Uint8Array): string {
  const { rootfs: _rootfs, history: _history, ...kept } = fieldsOf(raw);
  return canonicalJson(kept);
}

/** A whole config again, over these layers. */
export function configOver(layerFree: string, diffIds: readonly Digest[]): Uint8Array {
  const fields = JSON.parse(layerFree) as Readonly<Record<string, JsonValue>>;
  return new TextEncoder().encode(canonicalJson({ ...fields, rootfs: { type: "layers", diff_ids: diffIds } }));
}

/** Text of a field at the top of a config, such as `author`. */
export function configText(raw: Uint8Array, field: string): string | undefined {
  const value = fieldsOf(raw)[field];
  return typeof value === "string" && value !== "" ? value : undefined;
}

function fieldsOf(raw: Uint8Array): Readonly<Record<string, unknown>> {
  const value = decodeDocument(raw, "image/bad-config", "image config");
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {};
}
