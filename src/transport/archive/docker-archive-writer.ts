import { assertLayersMatch } from "../../image/assert-layers-match.ts";
import type { Descriptor } from "../../image/descriptor.ts";
import { createHasher, type Digest, splitDigest } from "../../image/digest.ts";
import { parseLayerMediaType } from "../../image/media-types.ts";
import { parseConfig } from "../../image/parse-config.ts";
import { parseManifest } from "../../image/parse-manifest.ts";
import { decompress } from "../../store/decompress.ts";
import type { Files, TempFile } from "../../sys/host.ts";
import { checkStream } from "../check-stream.ts";
import type { CopyProgress } from "../copy-image.ts";
import { TransportError } from "../errors.ts";
import type { ImageSource } from "../image-source.ts";
import { readOutgoing } from "../read-outgoing.ts";
import { TarFileWriter } from "./tar-file-writer.ts";

const MAX_DOCUMENT_BYTES = 4 * 1024 * 1024;

/** One image for the archive: a manifest of a source, and the names it is loaded under. */
export interface DockerArchiveImage {
  readonly source: ImageSource;
  readonly manifest: Descriptor;
  /** `name:tag`, whole. */
  readonly tags: readonly string[];
}

/** What writing takes from the host. `temp` holds one unpacked layer at a time. */
export interface DockerArchiveHost {
  readonly temp: Files;
  readonly progress?: CopyProgress | undefined;
}

/**
 * Writes a `docker save` archive of several images; layers are stored unpacked, each once, under their diffID, as
 * docker and podman do. Members and bytes depend on the images only.
 * Spec: moby, image/spec/v1.2.md "Combined Image JSON + Filesystem Changeset Format".
 */
export class DockerArchiveWriter {
  readonly #host: DockerArchiveHost;
  readonly #file: TempFile;
  readonly #tar: TarFileWriter;
  readonly #entries: { Config: string; RepoTags: readonly string[]; Layers: readonly string[] }[] = [];

  constructor(host: DockerArchiveHost, file: TempFile) {
    this.#host = host;
    this.#file = file;
    this.#tar = new TarFileWriter(file);
  }

  /** @throws {TransportError}; {ImageError} when manifest, config and layers do not belong together. */
  async add(image: DockerArchiveImage, options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const { source } = image;
    const raw = await source.readDocument(image.manifest, MAX_DOCUMENT_BYTES, options);
    const manifest = parseManifest(raw, image.manifest.mediaType);
    const configRaw = await source.readDocument(manifest.config, MAX_DOCUMENT_BYTES, options);
    const config = parseConfig(configRaw, manifest.config.mediaType);
    assertLayersMatch(manifest, config);
    const layers: string[] = [];
    for (const [i, layer] of manifest.layers.entries()) {
      const diffId = config.diffIds[i];
      if (diffId !== undefined) layers.push(await this.#layer({ source, layer, diffId }, options));
    }
    const name = `${splitDigest(manifest.config.digest).hex}.json`;
    if (!this.#tar.has(name)) this.#tar.add(name, configRaw);
    this.#entries.push({ Config: name, RepoTags: image.tags, Layers: layers });
  }

  /** Makes the archive appear. */
  finish(): void {
    this.#tar.add("manifest.json", JSON.stringify(this.#entries));
    this.#tar.end();
    this.#file.commit("");
  }

  async #layer(
    { source, layer, diffId }: { readonly source: ImageSource; readonly layer: Descriptor; readonly diffId: Digest },
    options: { readonly signal?: AbortSignal },
  ): Promise<string> {
    const name = `${splitDigest(diffId).hex}.tar`;
    if (this.#tar.has(name)) return name;
    const { progress, temp } = this.#host;
    using packed = temp.createTemp();
    using plain = temp.createTemp();
    progress?.begin(layer.digest, layer.digest.slice(7, 19), layer.sizeBytes);
    try {
      const onBytes = (count: number) => progress?.advance(layer.digest, count);
      for await (const chunk of checkStream(readOutgoing(source, layer, options), { ...options, onBytes }))
        packed.write(chunk);
    } finally {
      progress?.end(layer.digest);
    }
    const hasher = createHasher(splitDigest(diffId).algorithm);
    let sizeBytes = 0;
    const { compression } = parseLayerMediaType(layer.mediaType);
    for await (const chunk of decompress(temp.readChunks(relOf(temp, packed)), compression)) {
      hasher.update(chunk);
      sizeBytes += chunk.byteLength;
      plain.write(chunk);
    }
    if (hasher.digest() !== diffId) {
      throw new TransportError("transport/bad-answer", `Cannot export layer ${diffId}: its content differs`, {
        hint: "tell the publisher of the image: its config and its layers do not belong together",
      });
    }
    await this.#tar.addStream(name, sizeBytes, temp.readChunks(relOf(temp, plain)));
    return name;
  }
}

function relOf(temp: Files, file: TempFile): string {
  return file.path.slice(temp.root.length + 1);
}
