import { parseIndex } from "../../image/parse-index.ts";
import type { Files } from "../../sys/host.ts";
import { encodeDescriptor, type SignatureArtifact } from "../signature-artifact.ts";
import { blobName } from "./create-layout-source.ts";
import { MAX_LAYOUT_INDEX_BYTES } from "./layout-index.ts";

/** Where atomic writes make their temporary files; not part of a layout, so not left in one. */
const TEMP = "tmp";

/**
 * Attaches a signature to an image in a layout: blobs first, then `index.json`, replaced atomically and otherwise kept
 * as it is, unknown fields included. Idempotent. Holds the layout's lock, so that two signers do not lose each other's.
 * @throws {SysError}; {ImageError} "image/bad-index" when the layout's index is malformed.
 */
export function writeSignatureToLayout(directory: Files, artifact: SignatureArtifact): void {
  using _lock = directory.lock("", { kind: "exclusive", wait: true });
  const before = directory.readBytes("index.json", MAX_LAYOUT_INDEX_BYTES);
  if (parseIndex(before).manifests.some(({ digest }) => digest === artifact.manifest.descriptor.digest)) return;
  const hadTemp = directory.has(TEMP);
  for (const { descriptor, raw } of [artifact.config, artifact.layer, artifact.manifest]) {
    directory.writeAtomic(blobName(descriptor.digest), raw, 0o644);
  }
  const document = JSON.parse(new TextDecoder().decode(before)) as { manifests: unknown[] };
  document.manifests.push(encodeDescriptor(artifact.manifest.descriptor));
  directory.writeAtomic("index.json", JSON.stringify(document), 0o644);
  if (!hadTemp && directory.list(TEMP).length === 0) directory.remove(TEMP);
}
