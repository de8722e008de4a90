import type { Descriptor } from "../image/descriptor.ts";
import { encodeIndex } from "../image/encode-document.ts";
import type { Files } from "../sys/host.ts";
import { acquireLock } from "./acquire-lock.ts";
import { type ImageRef, readAllRefs } from "./image-refs.ts";
import { IMAGES_DIR, LOCKS_DIR } from "./store-paths.ts";

const LAYOUT_MARK = '{"imageLayoutVersion":"1.0.0"}';
const REF_NAME = "org.opencontainers.image.ref.name";

/**
 * Makes `images/` say what the references say, so that other tools can read the store in place. Our own code never
 * reads the result. Serialised by a lock held for a few file reads only.
 * Spec: OCI image-spec v1.1.0, image-layout.md.
 */
export async function writeImageLayout(files: Files, options: { readonly signal?: AbortSignal } = {}): Promise<void> {
  using _lock = await acquireLock(files, { path: `${LOCKS_DIR}/image-layout`, kind: "exclusive" }, options);
  const manifests = layoutEntries(readAllRefs(files, { skipDamaged: true }));
  if (!hasLayoutMark(files)) files.writeAtomic(`${IMAGES_DIR}/oci-layout`, LAYOUT_MARK, 0o644);
  files.ensureDir(`${IMAGES_DIR}/blobs/sha256`, 0o755);
  files.writeAtomic(`${IMAGES_DIR}/index.json`, encodeIndex({ manifests }), 0o644);
}

/** Whether `oci-layout` is there and says what it should. */
export function hasLayoutMark(files: Files): boolean {
  const path = `${IMAGES_DIR}/oci-layout`;
  return files.stat(path)?.sizeBytes === LAYOUT_MARK.length && files.readText(path) === LAYOUT_MARK;
}

/** What `index.json` lists for these references. */
export function layoutEntries(refs: readonly ImageRef[]): readonly Descriptor[] {
  return refs.map((ref) => {
    return { ...ref.descriptor, annotations: { ...ref.descriptor.annotations, [REF_NAME]: ref.name } };
  });
}
