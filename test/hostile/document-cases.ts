import { digestOf } from "../../src/image/digest.ts";
import { encodeTar } from "../../src/image/layer/encode-tar.ts";
import { OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST } from "../../src/image/media-types.ts";
import { blobMember, describe, type ForgedImage, forgeImage, plainLayer, toBytes } from "./forge-image.ts";
import { END, forgeTar } from "./forge-tar.ts";
import { type HostileCase, malformed, type Verdict } from "./hostile-case.ts";

const BAD_MANIFEST = malformed("image/bad-manifest");
const BAD_CONFIG = malformed("image/bad-config");
const BAD_INDEX = malformed("image/bad-index");

const image = (name: string, forged: ForgedImage, expect: Verdict): HostileCase => ({
  name,
  expect,
  make: () => forgeImage(forged),
});

const layer = plainLayer([{ path: "x" }]);
const config = toBytes({
  architecture: "amd64",
  os: "linux",
  rootfs: { type: "layers", diff_ids: [digestOf(layer.blob)] },
});
const configDescriptor = JSON.stringify(describe(config, OCI_CONFIG));
const layerDescriptor = JSON.stringify(describe(layer.blob, OCI_LAYER));

const NAMED = { annotations: { "org.opencontainers.image.ref.name": "1" } };

/** An index that holds an index, `depth` times; the innermost holds a manifest. */
function nestedIndex(depth: number): HostileCase {
  const make = (): Uint8Array => {
    const manifest = toBytes({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: describe(config, OCI_CONFIG),
      layers: [],
    });
    let entry: object = describe(manifest, OCI_MANIFEST);
    const extra = [blobMember(manifest)];
    for (let i = 0; i < depth; i++) {
      const index = toBytes({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [entry] });
      extra.push(blobMember(index));
      entry = { ...describe(index, OCI_INDEX), ...NAMED };
    }
    return forgeImage({ index: { schemaVersion: 2, manifests: [entry] }, extra });
  };
  return { name: `index-nested-${depth}-deep`, make, expect: malformed("image/index-too-deep") };
}

function wideIndex(): HostileCase {
  const make = (): Uint8Array => {
    const leaf = toBytes({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [] });
    const index = toBytes({
      schemaVersion: 2,
      mediaType: OCI_INDEX,
      manifests: Array(100).fill(describe(leaf, OCI_INDEX)),
    });
    const entry = { ...describe(index, OCI_INDEX), ...NAMED };
    return forgeImage({
      index: { schemaVersion: 2, manifests: [entry] },
      extra: [blobMember(leaf), blobMember(index)],
    });
  };
  return { name: "index-that-fans-out", make, expect: malformed("image/index-too-deep") };
}

/** JSON documents that two parsers could understand differently, or that would make one fall over. */
export const DOCUMENT_CASES: readonly HostileCase[] = [
  image(
    "manifest-key-twice",
    { manifest: `{"schemaVersion":2,"config":${configDescriptor},"layers":[],"layers":[${layerDescriptor}]}` },
    BAD_MANIFEST,
  ),
  image(
    "manifest-key-twice-by-escape",
    { manifest: `{"schemaVersion":2,"config":${configDescriptor},"layers":[],"lay\\u0065rs":[${layerDescriptor}]}` },
    BAD_MANIFEST,
  ),
  image(
    "config-key-twice",
    { config: '{"os":"linux","architecture":"amd64","rootfs":{"diff_ids":[],"diff_ids":[]}}' },
    BAD_CONFIG,
  ),
  image("index-key-twice", { index: '{"schemaVersion":2,"manifests":[],"manifests":[]}' }, BAD_INDEX),
  image("manifest-not-json", { manifest: "<html></html>" }, BAD_MANIFEST),
  image("manifest-not-utf8", { manifest: Uint8Array.of(0x7b, 0xff, 0x7d) }, BAD_MANIFEST),
  image("manifest-a-list", { manifest: "[]" }, BAD_MANIFEST),
  image("manifest-nested-deep", { manifest: `${"[".repeat(100_000)}${"]".repeat(100_000)}` }, BAD_MANIFEST),
  image(
    "manifest-of-five-mebibytes",
    { manifestFields: { annotations: { big: "x".repeat(5 * 1024 * 1024) } } },
    malformed("transport/bad-answer"),
  ),
  image("manifest-schema-version-1", { manifestFields: { schemaVersion: 1 } }, BAD_MANIFEST),
  image("manifest-other-media-type-inside", { manifestFields: { mediaType: OCI_INDEX } }, BAD_MANIFEST),
  image("manifest-announced-as-index", { descriptorFields: { mediaType: OCI_INDEX } }, BAD_INDEX),
  image(
    "manifest-of-an-unknown-type",
    { descriptorFields: { mediaType: "application/x-evil" } },
    malformed("image/unsupported-media-type"),
  ),
  image(
    "manifest-and-index-at-once",
    { manifestFields: { manifests: [describe(config, OCI_MANIFEST)] } },
    BAD_MANIFEST,
  ),
  image(
    "manifest-ten-thousand-layers",
    { manifestFields: { layers: Array(10_000).fill(describe(layer.blob, OCI_LAYER)) } },
    BAD_MANIFEST,
  ),
  image(
    "manifest-size-negative",
    { manifestFields: { config: { ...describe(config, OCI_CONFIG), size: -1 } } },
    BAD_MANIFEST,
  ),
  image(
    "manifest-size-fraction",
    { manifestFields: { config: { ...describe(config, OCI_CONFIG), size: 1.5 } } },
    BAD_MANIFEST,
  ),
  image(
    "manifest-size-infinite",
    { manifest: `{"schemaVersion":2,"config":${configDescriptor.replace(/"size":\d+/, '"size":1e999')},"layers":[]}` },
    BAD_MANIFEST,
  ),
  image("descriptor-size-too-small", { descriptorFields: { size: 10 } }, malformed("transport/bad-answer")),
  image("descriptor-size-too-large", { descriptorFields: { size: 100_000 } }, malformed("transport/bad-answer")),
  image(
    "descriptor-of-other-bytes",
    { descriptorFields: { digest: digestOf("other") } },
    { kind: "refused", exitCode: 3, code: "transport/not-found" },
  ),
  image("digest-of-md5", { descriptorFields: { digest: "md5:d41d8cd98f00b204e9800998ecf8427e" } }, BAD_INDEX),
  image(
    "digest-sha512-as-sha256",
    { descriptorFields: { digest: digestOf("x", "sha512").replace("sha512", "sha256") } },
    BAD_INDEX,
  ),
  image(
    "digest-sha256-as-sha512",
    { descriptorFields: { digest: digestOf("x").replace("sha256", "sha512") } },
    BAD_INDEX,
  ),
  image(
    "digest-upper-case",
    { descriptorFields: { digest: digestOf("x").toUpperCase().replace("SHA", "sha") } },
    BAD_INDEX,
  ),
  image("digest-with-path", { descriptorFields: { digest: "sha256:../../../../etc/passwd" } }, BAD_INDEX),
  image("digest-with-newline", { descriptorFields: { digest: `${digestOf("x")}\n` } }, BAD_INDEX),
  image(
    "layer-diff-id-of-other-bytes",
    { layers: [{ ...layer, diffId: digestOf("other") }] },
    malformed("store/content-mismatch"),
  ),
  image("layer-diff-ids-too-few", { configFields: { rootfs: { type: "layers", diff_ids: [] } } }, BAD_CONFIG),
  image(
    "layer-with-config-type",
    { layers: [{ ...layer, mediaType: OCI_CONFIG }] },
    malformed("image/unsupported-media-type"),
  ),
  image(
    "layer-encrypted",
    { layers: [{ ...layer, mediaType: `${OCI_LAYER}+encrypted` }] },
    malformed("image/unsupported-media-type"),
  ),
  image("layer-size-too-small", { layers: [{ ...layer, fields: { size: 512 } }] }, malformed("store/content-mismatch")),
  image(
    "layer-size-too-large",
    { layers: [{ ...layer, fields: { size: 999_999 } }] },
    malformed("store/content-mismatch"),
  ),
  image(
    "layer-that-is-the-config",
    {
      layers: [layer],
      manifestFields: { config: describe(config, OCI_CONFIG), layers: [describe(config, OCI_LAYER)] },
      config,
    },
    malformed("image/bad-layer"),
  ),
  image(
    "config-that-is-the-layer",
    { manifestFields: { config: describe(layer.blob, OCI_CONFIG) }, layers: [layer] },
    BAD_CONFIG,
  ),
  image(
    "config-with-layer-type",
    { manifestFields: { config: describe(config, OCI_LAYER) }, config },
    malformed("image/unsupported-media-type"),
  ),
  image("config-not-json", { config: "no json" }, BAD_CONFIG),
  image("config-env-a-number", { configFields: { config: { Env: [1] } } }, BAD_CONFIG),
  image("config-cmd-with-nul", { configFields: { config: { Cmd: ["a\0b"] } } }, BAD_CONFIG),
  image("config-prototype-key", { config: '{"__proto__":{"os":"linux"},"architecture":"amd64"}' }, BAD_CONFIG),
  nestedIndex(6),
  nestedIndex(60),
  wideIndex(),
  image(
    "index-of-eleven-thousand",
    {
      index: {
        schemaVersion: 2,
        manifests: Array(11_000).fill({ ...describe(toBytes("{}"), OCI_MANIFEST), ...NAMED }),
      },
    },
    BAD_INDEX,
  ),
  image(
    "index-empty",
    { index: { schemaVersion: 2, manifests: [] } },
    { kind: "refused", exitCode: 3, code: "transport/not-found" },
  ),
  image(
    "layout-of-unknown-version",
    { ociLayout: '{"imageLayoutVersion":"9.0.0"}' },
    malformed("transport/bad-archive"),
  ),
  image("layout-without-index", { without: ["index.json"] }, malformed("transport/bad-archive")),
  image(
    "layout-without-config-blob",
    { without: [blobMember(config).path], config, layers: [layer] },
    { kind: "refused", exitCode: 3, code: "transport/not-found" },
  ),
  image("archive-index-twice", { extra: [{ path: "index.json", content: "{}" }] }, malformed("transport/bad-archive")),
  image(
    "archive-index-twice-spelled-apart",
    { extra: [{ path: "./x/../index.json", content: "{}" }] },
    malformed("transport/bad-archive"),
  ),
  image(
    "archive-index-a-link-to-the-host",
    { without: ["index.json"], extra: [{ path: "index.json", kind: "symlink", linkTarget: "/etc/passwd" }] },
    malformed("transport/bad-archive"),
  ),
  image(
    "archive-blob-a-link-to-the-host",
    {
      without: [blobMember(config).path],
      config,
      layers: [layer],
      extra: [{ path: blobMember(config).path, kind: "symlink", linkTarget: "../../../../../etc/passwd" }],
    },
    { kind: "refused", exitCode: 3, code: "transport/not-found" },
  ),
  {
    name: "archive-that-is-text",
    make: () => Buffer.from("no archive at all\n".repeat(100)),
    expect: malformed("transport/bad-archive"),
  },
  { name: "archive-empty", make: () => new Uint8Array(), expect: malformed("transport/bad-archive") },
  { name: "archive-of-nothing", make: () => encodeTar([]), expect: malformed("transport/bad-archive") },
  {
    name: "archive-cut-in-a-blob",
    make: () =>
      forgeImage({ layers: [plainLayer(forgeTar({ path: "x", content: "x".repeat(9000) }, END))] }).subarray(0, -4000),
    expect: malformed("transport/bad-archive"),
  },
  {
    name: "archive-thirty-thousand-members",
    make: () => encodeTar(Array.from({ length: 30_000 }, (_, i) => ({ path: `m${i}` }))),
    expect: malformed("transport/bad-archive"),
  },
];
