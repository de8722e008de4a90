import type { FoundSignature, ImageSource } from "../image-source.ts";
import { createLayoutSource } from "../layout/create-layout-source.ts";
import { createArchiveReader } from "./archive-reader.ts";
import { convertDockerArchive } from "./convert-docker-archive.ts";
import { decompressPrivateFile } from "./private-file.ts";
import {
  type ArchiveHost,
  type ArchivePlace,
  fetchArchive,
  fetchDetachedSignature,
  formatPlace,
} from "./read-archive-bytes.ts";

/** An image in an archive. Without `format` the archive's own content decides, OCI first. */
export interface ArchiveImage {
  readonly from: ArchivePlace;
  readonly format?: "oci" | "docker";
  readonly ref?: string;
}

/**
 * An image in a tar archive (OCI layout or `docker save`; gzip and zstd are undone). The archive is copied once into a
 * private file before this returns; content, `archivePath` and so the signature check all use that copy. Dispose
 * removes it.
 * @throws {TransportError} "transport/bad-archive", "transport/not-found" and those of downloading.
 */
export async function openArchiveSource(
  host: ArchiveHost,
  image: ArchiveImage,
  options: { readonly signal?: AbortSignal } = {},
): Promise<ImageSource> {
  await using guard = new AsyncDisposableStack();
  const place = formatPlace(image.from);
  const original = guard.use(await fetchArchive(host, image.from, options));
  const plain = await decompressPrivateFile(host.temp, original, place);
  if (plain !== undefined) guard.use(plain);
  const members = createArchiveReader(plain ?? original, place);
  const isDocker = (image.format ?? (members.sizeOf("oci-layout") === undefined ? "docker" : "oci")) === "docker";
  const converted = isDocker ? convertDockerArchive(members, { place, ref: image.ref }) : undefined;
  const source = createLayoutSource(converted?.reader ?? members, { place, ref: image.ref });
  const held = guard.move();
  return {
    ...source,
    archivePath: original.path,
    policyTransport: isDocker ? "docker-archive" : "oci-archive",
    ...(converted === undefined ? {} : { resolve: async () => converted.manifest }),
    async findSignatures(subject, signatureOptions = {}): Promise<readonly FoundSignature[]> {
      const detached = await fetchDetachedSignature(host, image.from, signatureOptions);
      const inside = converted === undefined ? await source.findSignatures(subject, signatureOptions) : [];
      return [...(detached === undefined ? [] : [{ ...detached, over: "archive" as const }]), ...inside];
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}
