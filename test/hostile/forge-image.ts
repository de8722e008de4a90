import { gzipSync } from "node:zlib";
import { digestOf } from "../../src/image/digest.ts";
import { encodeTar, type TarInput } from "../../src/image/layer/encode-tar.ts";
import { OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST } from "../../src/image/media-types.ts";

/** A document: bytes or text as they are, anything else as JSON. */
export type Document = Uint8Array | string | object;

/** An OCI archive in which every part can be replaced by something wrong. */
export interface ForgedImage {
  /** Layer blobs as stored, with the tar inside for the diffID; default one empty layer. */
  readonly layers?: readonly ForgedLayer[];
  readonly config?: Document;
  /** Members over those of a good config. */
  readonly configFields?: object;
  readonly manifest?: Document;
  readonly manifestFields?: object;
  readonly index?: Document;
  /** Members over those of the index entry that names the manifest. */
  readonly descriptorFields?: object;
  readonly ociLayout?: string;
  /** Added at the end, after everything good. */
  readonly extra?: readonly TarInput[];
  /** Members of these names are left out. */
  readonly without?: readonly string[];
}

/** A layer blob and what is claimed about it. */
export interface ForgedLayer {
  readonly blob: Uint8Array;
  readonly mediaType?: string;
  readonly diffId?: string;
  readonly fields?: object;
}

/** A layer stored as a plain tar. */
export function plainLayer(tar: Uint8Array | readonly TarInput[]): ForgedLayer {
  const blob = tar instanceof Uint8Array ? tar : encodeTar(tar);
  return { blob };
}

/** A layer of another encoding; `tar` gives the diffID. */
export function packedLayer(blob: Uint8Array, tar: Uint8Array, format: "gzip" | "zstd" = "gzip"): ForgedLayer {
  return { blob, diffId: digestOf(tar), mediaType: `${OCI_LAYER}+${format}` };
}

/** A gzip stream of `count` times the same piece, made without holding it unpacked. */
export function repeatedGzip(piece: Uint8Array, count: number): Uint8Array {
  const member = gzipSync(piece, { level: 9 });
  const out = Buffer.alloc(member.length * count);
  for (let i = 0; i < count; i++) out.set(member, i * member.length);
  return out;
}

/** The descriptor of bytes. */
export function describe(bytes: Uint8Array, mediaType: string): { mediaType: string; digest: string; size: number } {
  return { mediaType, digest: digestOf(bytes), size: bytes.length };
}

/** Bytes of the archive. */
export function forgeImage(image: ForgedImage): Uint8Array {
  const layers = image.layers ?? [plainLayer([])];
  const goodConfig = {
    architecture: "amd64",
    os: "linux",
    config: { Cmd: ["/bin/true"] },
    rootfs: { type: "layers", diff_ids: layers.map(({ blob, diffId }) => diffId ?? digestOf(blob)) },
    ...image.configFields,
  };
  const config = toBytes(image.config ?? goodConfig);
  const goodManifest = {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: describe(config, OCI_CONFIG),
    layers: layers.map(({ blob, mediaType = OCI_LAYER, fields }) => ({ ...describe(blob, mediaType), ...fields })),
    ...image.manifestFields,
  };
  const manifest = toBytes(image.manifest ?? goodManifest);
  const entry = {
    ...describe(manifest, OCI_MANIFEST),
    annotations: { "org.opencontainers.image.ref.name": "1" },
    ...image.descriptorFields,
  };
  const index = toBytes(image.index ?? { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [entry] });
  const blobs = [config, manifest, ...layers.map(({ blob }) => blob)].map(blobMember);
  const members: TarInput[] = [
    { path: "oci-layout", content: image.ociLayout ?? '{"imageLayoutVersion":"1.0.0"}' },
    { path: "index.json", content: index },
    ...new Map(blobs.map((member) => [member.path, member])).values(),
  ];
  const kept = members.filter(({ path }) => !(image.without ?? []).some((left) => path === left));
  return encodeTar([...kept, ...(image.extra ?? [])]);
}

/** A blob as a member of a layout. */
export function blobMember(content: Uint8Array): TarInput & { readonly path: string } {
  return { path: `blobs/${digestOf(content).replace(":", "/")}`, content };
}

/** A `docker save` archive; `manifest` replaces its manifest.json. */
export function forgeDockerArchive(manifest: Document, members: readonly TarInput[]): Uint8Array {
  return encodeTar([{ path: "manifest.json", content: toBytes(manifest) }, ...members]);
}

/** Bytes of a document. */
export function toBytes(document: Document): Uint8Array {
  if (document instanceof Uint8Array) return document;
  return Buffer.from(typeof document === "string" ? document : JSON.stringify(document));
}
