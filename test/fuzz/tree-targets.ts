import { AciArchiveReader } from "../../src/image/aci/read-archive.ts";
import { encodeAci } from "../../src/image/aci/write-archive.ts";
import { configFromManifest, manifestFromConfig } from "../../src/image/convert/manifest-from-config.ts";
import { digestOf } from "../../src/image/digest.ts";
import { LayerApplier } from "../../src/image/layer/apply-layer.ts";
import { encodeTar } from "../../src/image/layer/encode-tar.ts";
import { encodeLayer } from "../../src/image/layer/encode-tree.ts";
import { createTree } from "../../src/image/layer/file-tree.ts";
import { TarReader } from "../../src/image/layer/tar-reader.ts";
import { anImage } from "../../src/testing/image-builder.ts";
import { type FuzzTarget, JSON_WORDS, json } from "./target.ts";

const MEMBERS = [
  { path: "d", kind: "dir" as const, modeOctal: 0o1777 },
  { path: "d/f", content: "content", xattrs: { "user.k": "v" } },
  { path: "s", kind: "symlink" as const, linkTarget: "d" },
  { path: "s/through", content: "x" },
  { path: "h", kind: "hardlink" as const, linkTarget: "d/f" },
  { path: "d/.wh.f" },
  { path: "d/.wh..wh..opq" },
];
const manifest = { acKind: "ImageManifest", acVersion: "0.8.11", name: "a", annotations: [{ name: "b", value: "c" }] };
const aci = encodeTar([
  { path: "manifest", content: JSON.stringify(manifest) },
  { path: "rootfs", kind: "dir" },
  ...MEMBERS.slice(0, 3).map((member) => ({ ...member, path: `rootfs/${member.path}` })),
  { path: "rootfs/h", kind: "hardlink", linkTarget: "rootfs/d/f" },
]);
const WORDS = [
  "ustar\u000000",
  "\0".repeat(512),
  "../",
  "rootfs/",
  "manifest",
  ".wh.",
  ".wh..wh..opq",
  "d/f",
  "1",
  "2",
  "5",
];

/** Keeps contents in memory and gives them back. */
function createMemory() {
  const parts: Uint8Array[] = [];
  let offset = 0;
  return {
    sink: {
      get offset() {
        return offset;
      },
      write(chunk: Uint8Array) {
        parts.push(chunk.slice());
        offset += chunk.byteLength;
      },
    },
    read: (ref: { readonly offset: number; readonly sizeBytes: number }) => [
      Buffer.concat(parts).subarray(ref.offset, ref.offset + ref.sizeBytes),
    ],
  };
}

function applyAndEncode(input: Uint8Array): Uint8Array {
  const { sink, read } = createMemory();
  const tree = createTree();
  const reader = new TarReader(new LayerApplier(tree, { layer: 0, sink }));
  reader.push(input);
  reader.end();
  return Buffer.concat([...encodeLayer(tree, read)]);
}

function readAndEncodeAci(input: Uint8Array): Uint8Array {
  const { sink, read } = createMemory();
  const handler = new AciArchiveReader(sink);
  const reader = new TarReader(handler);
  reader.push(input);
  reader.end();
  return Buffer.concat([...encodeAci({ manifest: handler.finish(), tree: handler.tree }, read)]);
}

/** What was written once is written the same again: otherwise the digests of conversions would wander. */
function assertStable(convert: (input: Uint8Array) => Uint8Array): (input: Uint8Array) => void {
  return (input) => {
    const first = convert(input);
    if (!Buffer.from(convert(first)).equals(first)) throw new TypeError("the second conversion differs from the first");
  };
}

function throughAci(raw: Uint8Array): Uint8Array {
  const made = manifestFromConfig(raw, { name: "example.com/app", version: "1" });
  const back = configFromManifest(made, [digestOf("layer")]);
  // Without its config, which is too long to keep, an image comes back in other words.
  if (back === undefined && raw.byteLength < 40_000) throw new TypeError("the config does not come back");
  return back ?? raw;
}

/** Trees of files and what images are converted to. */
export const TREE_TARGETS: readonly FuzzTarget[] = [
  { name: "tree of a layer", weight: 4, seeds: [encodeTar(MEMBERS)], words: WORDS, feed: assertStable(applyAndEncode) },
  { name: "ACI", weight: 4, seeds: [aci], words: WORDS, feed: assertStable(readAndEncodeAci) },
  {
    name: "config to appc and back",
    weight: 3,
    seeds: [
      anImage()
        .withLayer([{ path: "x" }])
        .withConfig({ cmd: ["/bin/sh"], env: ["A=1"], labels: { k: "v" }, volumes: ["/d"], user: "1:2" })
        .build().config,
      json({
        ...{ os: "linux", architecture: "arm", variant: "v7", author: "a", created: "2020-01-01T00:00:00Z" },
        config: { Healthcheck: { Test: ["x"] }, ExposedPorts: { "80/tcp": {} }, Entrypoint: ["/a"], StopSignal: "9" },
        rootfs: { type: "layers", diff_ids: [digestOf("x")] },
      }),
    ],
    words: [...JSON_WORDS, '"Env":', '"Volumes":{"/b":{}},', '"Labels":', '"created":', "amd64", "arm64"],
    feed: assertStable(throughAci),
  },
];
