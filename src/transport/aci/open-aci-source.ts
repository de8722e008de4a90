import { configOfManifest } from "../../image/aci/config.ts";
import { formatImageId } from "../../image/aci/identifier.ts";
import { configFromManifest } from "../../image/convert/manifest-from-config.ts";
import type { Descriptor } from "../../image/descriptor.ts";
import { createHasher } from "../../image/digest.ts";
import { encodeConfig, encodeManifest } from "../../image/encode-document.ts";
import { encodeLayer } from "../../image/layer/encode-tree.ts";
import { filterTree } from "../../image/layer/filter-tree.ts";
import { OCI_CONFIG, OCI_LAYER, OCI_MANIFEST } from "../../image/media-types.ts";
import type { Programs } from "../../sys/host.ts";
import type { PrivateFile } from "../archive/private-file.ts";
import {
  type ArchiveHost,
  type ArchivePlace,
  fetchArchive,
  fetchDetachedSignature,
  formatPlace,
} from "../archive/read-archive-bytes.ts";
import { TransportError } from "../errors.ts";
import type { ImageSource } from "../image-source.ts";
import { type ReadAci, readAci } from "./read-aci.ts";

/** What reading App Container Images takes from the host. */
export interface AciHost extends ArchiveHost {
  readonly programs: Programs;
}

/** Media type of an App Container Image as it was published, whatever it is compressed with. */
export const ACI_ARCHIVE = "application/vnd.gantry.appc.aci.v1";

/**
 * An App Container Image as the OCI image it is run as: one layer with the files of its rootfs (those of dependencies
 * are not in it), a config made from its manifest. The same image gives the same digests on every machine; that is why
 * the layer is not compressed. The archive is copied once into a private file before this returns; content, `archivePath`
 * and so the signature check use that copy.
 * @throws {ImageError} "image/bad-archive", "image/bad-manifest"; {TransportError}
 * Spec: appc 0.8.11, aci.md.
 */
export async function openAciSource(
  host: AciHost,
  { from }: { readonly from: ArchivePlace },
  options: { readonly signal?: AbortSignal } = {},
): Promise<ImageSource> {
  await using guard = new AsyncDisposableStack();
  const place = formatPlace(from);
  const file = guard.use(await fetchArchive(host, from, options));
  const aci = guard.use(await readAci(host, { file, place }, options));
  filterTree(aci.tree, aci.manifest.pathWhitelist);
  const image = describeAci(aci, file);
  const held = guard.move();
  const documents = new Map([
    [image.manifest.digest, image.manifestRaw],
    [image.config.digest, image.configRaw],
  ]);
  return {
    place,
    archivePath: file.path,
    policyTransport: "aci",
    aci: { manifest: aci.manifest, imageId: aci.imageId, archive: image.archive },
    resolve: async () => image.manifest,
    async readDocument(descriptor) {
      const raw = documents.get(descriptor.digest);
      if (raw !== undefined) return raw;
      throw missing(descriptor, place);
    },
    async openBlob(descriptor, fromByte) {
      const raw = documents.get(descriptor.digest);
      if (raw !== undefined) return { startedAt: fromByte, chunks: asAsync([raw.subarray(fromByte)]) };
      if (descriptor.digest === image.archive.digest)
        return { startedAt: fromByte, chunks: asAsync(file.chunks(fromByte)) };
      if (descriptor.digest !== image.layer.digest) throw missing(descriptor, place);
      return { startedAt: 0, chunks: asAsync(encodeLayer(aci.tree, aci.readContent)) };
    },
    async findSignatures(_subject, signatureOptions = {}) {
      const detached = await fetchDetachedSignature(host, from, signatureOptions);
      return detached === undefined ? [] : [{ ...detached, over: "archive" as const }];
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

function describeAci(aci: ReadAci, file: PrivateFile) {
  const layer = describe(encodeLayer(aci.tree, aci.readContent), OCI_LAYER);
  const diffIds = [layer.digest];
  const configRaw = configFromManifest(aci.manifest, diffIds) ?? encodeConfig(configOfManifest(aci.manifest, diffIds));
  const config = describe([configRaw], OCI_CONFIG);
  const manifestRaw = encodeManifest({ config, layers: [layer] });
  const archive = {
    ...describe(file.chunks(0), ACI_ARCHIVE),
    annotations: { "dev.gantry.appc.id": formatImageId(aci.imageId) },
  };
  return { layer, config, configRaw, manifest: describe([manifestRaw], OCI_MANIFEST), manifestRaw, archive };
}

function describe(chunks: Iterable<Uint8Array>, mediaType: string): Descriptor {
  const hasher = createHasher("sha256");
  let sizeBytes = 0;
  for (const chunk of chunks) {
    hasher.update(chunk);
    sizeBytes += chunk.byteLength;
  }
  return { mediaType, digest: hasher.digest(), sizeBytes, annotations: {} };
}

function missing(descriptor: Descriptor, place: string): TransportError {
  return new TransportError("transport/not-found", `Cannot read ${descriptor.digest} from ${place}: it is not in it`, {
    hint: "make the archive again",
  });
}

async function* asAsync(chunks: Iterable<Uint8Array>): AsyncIterable<Uint8Array> {
  yield* chunks;
}
