import type { Descriptor } from "../../image/descriptor.ts";
import { type Digest, splitDigest } from "../../image/digest.ts";
import { TransportError } from "../errors.ts";
import type { ImageSource } from "../image-source.ts";
import { checkDocument } from "../registry/fetch-document.ts";
import { chooseEntry, readLayoutIndex } from "./layout-index.ts";
import type { LayoutReader } from "./layout-reader.ts";
import { findLayoutSignatures } from "./layout-signatures.ts";

/** An image source over the files of a layout; `ref` chooses by `org.opencontainers.image.ref.name`. */
export function createLayoutSource(
  reader: LayoutReader,
  { place, ref }: { readonly place: string; readonly ref: string | undefined },
): ImageSource {
  const readDocument = async (descriptor: Descriptor, limitBytes: number) => {
    const what = `read ${descriptor.digest} from ${place}`;
    if (descriptor.sizeBytes > limitBytes) {
      throw new TransportError(
        "transport/bad-answer",
        `Cannot ${what}: ${descriptor.sizeBytes} bytes are more than the limit of ${limitBytes}`,
        {
          hint: "use an image with a smaller description",
        },
      );
    }
    assertBlob(reader, descriptor, what);
    return checkDocument(descriptor, { raw: reader.read(blobName(descriptor.digest), limitBytes), what });
  };
  return {
    place,
    readDocument,
    resolve: async () => chooseEntry(readLayoutIndex(reader, place), { place, ref }),
    async openBlob(descriptor, fromByte) {
      assertBlob(reader, descriptor, `read blob ${descriptor.digest} from ${place}`);
      return { startedAt: fromByte, chunks: asAsync(reader.chunks(blobName(descriptor.digest), fromByte)) };
    },
    findSignatures: (subject) => findLayoutSignatures(reader, { subject, place, read: readDocument }),
    async [Symbol.asyncDispose]() {},
  };
}

/** Where a layout keeps a blob. Spec: OCI image-spec v1.1.0, image-layout.md "Blobs". */
export function blobName(digest: Digest): string {
  const { algorithm, hex } = splitDigest(digest);
  return `blobs/${algorithm}/${hex}`;
}

function assertBlob(reader: LayoutReader, descriptor: Descriptor, what: string): void {
  if (reader.sizeOf(blobName(descriptor.digest)) !== undefined) return;
  throw new TransportError("transport/not-found", `Cannot ${what}: the layout lacks this blob`, {
    hint: "make the layout or archive again; it is incomplete",
  });
}

async function* asAsync(chunks: Iterable<Uint8Array>): AsyncIterable<Uint8Array> {
  yield* chunks;
}
