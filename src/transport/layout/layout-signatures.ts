import type { Descriptor } from "../../image/descriptor.ts";
import type { Digest } from "../../image/digest.ts";
import { isIndexMediaType, OCI_MANIFEST } from "../../image/media-types.ts";
import { parseIndex } from "../../image/parse-index.ts";
import { collectSignatures, type DocumentReader } from "../collect-signatures.ts";
import type { FoundSignature } from "../image-source.ts";
import { referrersTag } from "../signature-artifact.ts";
import { isSignatureType } from "../signature-media-types.ts";
import { MAX_LAYOUT_INDEX_BYTES, REF_NAME, readLayoutIndex } from "./layout-index.ts";
import type { LayoutReader } from "./layout-reader.ts";

/**
 * Signatures of `subject` in a layout: artifacts listed in `index.json`, those said to be signatures first, and those
 * in an index under the referrers tag, as registries' copies have them.
 */
export async function findLayoutSignatures(
  reader: LayoutReader,
  { subject, place, read }: { readonly subject: Digest; readonly place: string; readonly read: DocumentReader },
): Promise<readonly FoundSignature[]> {
  const entries = readLayoutIndex(reader, place);
  const referrers: Descriptor[] = [];
  for (const entry of entries.filter(({ annotations }) => annotations[REF_NAME] === referrersTag(subject))) {
    if (isIndexMediaType(entry.mediaType))
      referrers.push(...parseIndex(await read(entry, MAX_LAYOUT_INDEX_BYTES)).manifests);
  }
  const all = [...entries, ...referrers].filter(
    ({ mediaType, digest }) => mediaType === OCI_MANIFEST && digest !== subject,
  );
  const said = all.filter(({ artifactType }) => artifactType !== undefined && isSignatureType(artifactType));
  const silent = all.filter(({ artifactType }) => artifactType === undefined);
  const candidates = [...new Map([...said, ...silent].map((entry) => [entry.digest, entry])).values()];
  return collectSignatures(read, { subject, candidates, place });
}
