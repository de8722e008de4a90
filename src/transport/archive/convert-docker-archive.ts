import { parseJsonStrict } from "../../base/json.ts";
import type { Descriptor } from "../../image/descriptor.ts";
import { createHasher, digestOf } from "../../image/digest.ts";
import { OCI_CONFIG, OCI_LAYER, OCI_LAYER_GZIP, OCI_MANIFEST } from "../../image/media-types.ts";
import { TransportError } from "../errors.ts";
import { blobName } from "../layout/create-layout-source.ts";
import { REF_NAME } from "../layout/layout-index.ts";
import type { LayoutReader } from "../layout/layout-reader.ts";
import { encodeDescriptor } from "../signature-artifact.ts";

const MAX_DOCUMENT_BYTES = 4 * 1024 * 1024;
const MAX_LAYERS = 512;

/** A docker archive seen as an OCI layout with one image. */
export interface ConvertedArchive {
  readonly reader: LayoutReader;
  readonly manifest: Descriptor;
}

/**
 * Makes an OCI manifest for one image of a `docker save` archive: config as it is, layers as they are stored (tar, or
 * tar+gzip by their first bytes), fields in fixed order and no white space. The same archive content gives the same
 * manifest digest on every machine. Reads every layer once to know its digest.
 * @throws {TransportError} "transport/bad-archive", "transport/not-found" (lists the tags there are).
 */
export function convertDockerArchive(
  members: LayoutReader,
  { place, ref }: { readonly place: string; readonly ref: string | undefined },
): ConvertedArchive {
  const image = chooseImage(readImages(members, place), { place, ref });
  const names = new Map<string, string>(); // blob name → member name
  const add = (member: string, mediaType: string): Descriptor => {
    const descriptor = describe(members, { member, mediaType, place });
    names.set(blobName(descriptor.digest), member);
    return descriptor;
  };
  const config = add(image.Config, OCI_CONFIG);
  const layers = image.Layers.map((member) => add(member, layerType(members, member)));
  const document = {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: encodeDescriptor(config),
    layers: layers.map(encodeDescriptor),
  };
  const raw = new TextEncoder().encode(JSON.stringify(document));
  const [name] = image.RepoTags;
  const annotations = name === undefined ? {} : { [REF_NAME]: name };
  const manifest = { mediaType: OCI_MANIFEST, digest: digestOf(raw), sizeBytes: raw.byteLength, annotations };
  return {
    manifest,
    reader: createConvertedReader(members, { names, made: new Map([[blobName(manifest.digest), raw]]) }),
  };
}

interface DockerImage {
  readonly Config: string;
  readonly RepoTags: readonly string[];
  readonly Layers: readonly string[];
}

function readImages(members: LayoutReader, place: string): readonly DockerImage[] {
  let document: unknown;
  try {
    const raw = members.read("manifest.json", MAX_DOCUMENT_BYTES);
    document = parseJsonStrict(raw, { limitBytes: MAX_DOCUMENT_BYTES });
  } catch (reason) {
    throw new TransportError(
      "transport/bad-archive",
      `Cannot read ${place}: its manifest.json is missing or not JSON`,
      {
        hint: "make the archive with docker save, podman save or skopeo",
        cause: reason,
      },
    );
  }
  const images = Array.isArray(document) ? document.map(parseImage) : [];
  const good = images.filter((image) => image !== undefined);
  if (good.length === images.length && good.length > 0) return good;
  throw new TransportError("transport/bad-archive", `Cannot read ${place}: its manifest.json is malformed`, {
    hint: "make the archive with docker save, podman save or skopeo",
  });
}

function parseImage(value: unknown): DockerImage | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { Config, RepoTags, Layers } = value as { Config?: unknown; RepoTags?: unknown; Layers?: unknown };
  if (typeof Config !== "string" || !isTexts(Layers) || Layers.length > MAX_LAYERS) return undefined;
  return { Config, Layers, RepoTags: isTexts(RepoTags) ? RepoTags : [] };
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function chooseImage(
  images: readonly DockerImage[],
  { place, ref }: { readonly place: string; readonly ref: string | undefined },
): DockerImage {
  const fitting = ref === undefined ? images : images.filter(({ RepoTags }) => RepoTags.some((tag) => isTag(tag, ref)));
  const [first] = fitting;
  if (first !== undefined && fitting.length === 1) return first;
  const names = images.flatMap(({ RepoTags }) => RepoTags).slice(0, 20);
  const state = first === undefined ? `it has no "${ref}"` : "it has several images";
  throw new TransportError("transport/not-found", `Cannot choose an image from ${place}: ${state}`, {
    hint:
      names.length === 0 ? "save one image per archive" : `append a colon and one of these names: ${names.join(", ")}`,
    data: { names },
  });
}

/** Whole name, or the name without the registry that tools write in front. */
function isTag(tag: string, ref: string): boolean {
  const wanted = ref.lastIndexOf(":") > ref.lastIndexOf("/") ? ref : `${ref}:latest`;
  return tag === ref || tag === wanted || tag.endsWith(`/${wanted}`);
}

function describe(
  members: LayoutReader,
  input: { readonly member: string; readonly mediaType: string; readonly place: string },
): Descriptor {
  const hasher = createHasher("sha256");
  let sizeBytes = 0;
  for (const chunk of members.chunks(input.member, 0)) {
    hasher.update(chunk);
    sizeBytes += chunk.byteLength;
  }
  if (sizeBytes === members.sizeOf(input.member))
    return { mediaType: input.mediaType, digest: hasher.digest(), sizeBytes, annotations: {} };
  throw new TransportError(
    "transport/bad-archive",
    `Cannot read "${input.member.slice(0, 200)}" in ${input.place}: it is cut short`,
    {
      hint: "make or download the archive again",
    },
  );
}

function layerType(members: LayoutReader, member: string): string {
  for (const chunk of members.chunks(member, 0))
    return chunk[0] === 0x1f && chunk[1] === 0x8b ? OCI_LAYER_GZIP : OCI_LAYER;
  return OCI_LAYER;
}

function createConvertedReader(
  members: LayoutReader,
  { names, made }: { readonly names: ReadonlyMap<string, string>; readonly made: ReadonlyMap<string, Uint8Array> },
): LayoutReader {
  const member = (name: string) => names.get(name) ?? "";
  return {
    sizeOf: (name) => made.get(name)?.byteLength ?? members.sizeOf(member(name)),
    read: (name, limitBytes) => made.get(name) ?? members.read(member(name), limitBytes),
    chunks(name, fromByte) {
      const raw = made.get(name);
      return raw === undefined ? members.chunks(member(name), fromByte) : [raw.subarray(fromByte)];
    },
  };
}
