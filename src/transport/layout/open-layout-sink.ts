import type { Descriptor } from "../../image/descriptor.ts";
import { OCI_INDEX } from "../../image/media-types.ts";
import { parseIndex } from "../../image/parse-index.ts";
import type { Files } from "../../sys/host.ts";
import { checkStream } from "../check-stream.ts";
import { TransportError } from "../errors.ts";
import type { ImageSink } from "../image-sink.ts";
import { encodeDescriptor } from "../signature-artifact.ts";
import { blobName } from "./create-layout-source.ts";
import { MAX_LAYOUT_INDEX_BYTES, REF_NAME } from "./layout-index.ts";
import { writeSignatureToLayout } from "./write-signature-to-layout.ts";

/** Where atomic writes make their temporary files; not part of a layout. */
const TEMP = "tmp";

/**
 * An OCI layout directory to write to, made when it is not there; other images in it stay, one of the same name is
 * replaced. Holds the layout's lock while `index.json` is written. Each file appears whole or not at all.
 * @throws {TransportError} "transport/bad-archive" when the directory holds something else.
 * Spec: OCI image-spec v1.1.0, image-layout.md.
 */
export function openLayoutSink(directory: Files, { ref }: { readonly ref?: string } = {}): ImageSink {
  const place = `layout ${directory.root}`;
  assertLayout(directory, place);
  const hadTemp = directory.has(TEMP);
  return {
    place,
    parallel: 2,
    ociOnly: true,
    async putBlob(blob, options = {}) {
      const name = blobName(blob.descriptor.digest);
      if (directory.stat(name)?.sizeBytes === blob.descriptor.sizeBytes) return "present";
      using temp = directory.createTemp();
      for await (const chunk of checkStream(blob, options)) temp.write(chunk);
      temp.commit(name, 0o644);
      return "written";
    },
    async putDocument({ descriptor, raw }) {
      directory.writeAtomic(blobName(descriptor.digest), raw, 0o644);
    },
    async commit({ descriptor }) {
      directory.ensureDir("");
      using _lock = directory.lock("", { kind: "exclusive", wait: true });
      directory.writeAtomic("oci-layout", '{"imageLayoutVersion":"1.0.0"}', 0o644);
      directory.writeAtomic("index.json", editIndex(readIndex(directory), { descriptor, ref }), 0o644);
    },
    putSignature: async (signature) => writeSignatureToLayout(directory, signature),
    async [Symbol.asyncDispose]() {
      if (!hadTemp && directory.has(TEMP) && directory.list(TEMP).length === 0) directory.remove(TEMP);
    },
  };
}

function assertLayout(directory: Files, place: string): void {
  const names = directory.list("");
  if (names.length === 0 || names.includes("oci-layout") || names.every((name) => name === "blobs" || name === TEMP))
    return;
  throw new TransportError("transport/bad-archive", `Cannot write ${place}: the directory holds something else`, {
    hint: "name a new or empty directory, or an OCI layout",
  });
}

function readIndex(directory: Files): Uint8Array | undefined {
  return directory.has("index.json") ? directory.readBytes("index.json", MAX_LAYOUT_INDEX_BYTES) : undefined;
}

/**
 * `index.json` with the entry added: it replaces entries of its name, or the same nameless entry. Unknown fields stay.
 * @throws {ImageError} "image/bad-index"
 */
export function editIndex(
  before: Uint8Array | undefined,
  { descriptor, ref }: { readonly descriptor: Descriptor; readonly ref: string | undefined },
): string {
  const document: { manifests: unknown[] } =
    before === undefined
      ? { ...{ schemaVersion: 2, mediaType: OCI_INDEX }, manifests: [] }
      : (JSON.parse(new TextDecoder().decode(before)) as { manifests: unknown[] });
  const entries = before === undefined ? [] : parseIndex(before).manifests;
  const isReplaced = (entry: Descriptor): boolean =>
    ref === undefined
      ? entry.digest === descriptor.digest && entry.annotations[REF_NAME] === undefined
      : entry.annotations[REF_NAME] === ref;
  const kept = document.manifests.filter((_, i) => {
    const entry = entries[i];
    return entry === undefined || !isReplaced(entry);
  });
  const named = ref === undefined ? descriptor : { ...descriptor, annotations: { [REF_NAME]: ref } };
  document.manifests = [...kept, encodeDescriptor(named)];
  return JSON.stringify(document);
}
