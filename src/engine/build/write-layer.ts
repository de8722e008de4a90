import { Readable } from "node:stream";
import { createGzip, createZstdCompress } from "node:zlib";
import type { Descriptor } from "../../image/descriptor.ts";
import { createHasher, type Digest } from "../../image/digest.ts";
import { encodeTarHeader, TAR_END, tarPadding } from "../../image/layer/encode-tar.ts";
import { fromByteString, showBytes } from "../../image/layer/entry-path.ts";
import { type LayerFormat, OCI_LAYER, OCI_LAYER_GZIP, OCI_LAYER_ZSTD } from "../../image/media-types.ts";
import { blobPath } from "../../store/store-paths.ts";
import type { Files } from "../../sys/host.ts";
import { UseCaseError } from "../errors.ts";
import type { PlannedMember } from "./layer-plan.ts";

const MEDIA_TYPES = { none: OCI_LAYER, gzip: OCI_LAYER_GZIP, zstd: OCI_LAYER_ZSTD } as const;

/** A layer in the store. */
export interface WrittenLayer {
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
}

/**
 * Packs the members into one layer blob of the store; every time in it is `seconds`. The same members give the same bytes,
 * packed by the compressors of this program, not of the machine.
 * @throws {UseCaseError} "engine/bad-input" when a file changes while it is read; {SysError}
 */
export async function writeLayer(
  store: Files,
  members: readonly PlannedMember[],
  { seconds, compression }: { readonly seconds: number; readonly compression: LayerFormat["compression"] },
): Promise<WrittenLayer> {
  const [plain, packed] = [createHasher("sha256"), createHasher("sha256")];
  let sizeBytes = 0;
  using temp = store.createTemp();
  for await (const chunk of pack(tarOf(members, seconds, plain.update), compression)) {
    packed.update(chunk);
    sizeBytes += chunk.byteLength;
    temp.write(chunk);
  }
  const digest = packed.digest();
  temp.commit(blobPath(digest), 0o644);
  return {
    diffId: plain.digest(),
    descriptor: { mediaType: MEDIA_TYPES[compression], digest, sizeBytes, annotations: {} },
  };
}

function pack(
  tar: Iterable<Uint8Array>,
  compression: LayerFormat["compression"],
): AsyncIterable<Uint8Array> | Iterable<Uint8Array> {
  if (compression === "none") return tar;
  return Readable.from(tar).pipe(compression === "gzip" ? createGzip({ level: 6 }) : createZstdCompress());
}

function* tarOf(
  members: readonly PlannedMember[],
  seconds: number,
  hash: (chunk: Uint8Array) => void,
): Generator<Uint8Array> {
  const pass = (chunk: Uint8Array): Uint8Array => {
    hash(chunk);
    return chunk;
  };
  for (const member of members) {
    const { path, header, content } = member;
    const name = fromByteString(header.kind === "dir" ? `${path}/` : path);
    const sizeBytes = content?.sizeBytes ?? 0;
    yield pass(encodeTarHeader({ ...header, path: name, modifiedAt: { seconds, nanoseconds: 0 } }, sizeBytes));
    if (content === undefined || sizeBytes === 0) continue;
    let got = 0;
    for (const chunk of content.chunks()) {
      got += chunk.byteLength;
      if (got > sizeBytes) break;
      yield pass(chunk);
    }
    if (got !== sizeBytes) throw changed(path);
    yield pass(tarPadding(sizeBytes));
  }
  yield pass(TAR_END);
}

function changed(path: string): UseCaseError {
  return new UseCaseError(
    "engine/bad-input",
    `Cannot add "${showBytes(path)}" to an image: it changed while it was read`,
    {
      hint: "build again when nobody writes to the sources",
    },
  );
}
