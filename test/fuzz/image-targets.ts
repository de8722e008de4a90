import { parseJsonStrict } from "../../src/base/json.ts";
import { parseAciManifest } from "../../src/image/aci/manifest.ts";
import { parseAciPodManifest } from "../../src/image/aci/pod-manifest.ts";
import { parseDigest } from "../../src/image/digest.ts";
import { encodeTar } from "../../src/image/layer/encode-tar.ts";
import { splitEntryPath, toByteString } from "../../src/image/layer/entry-path.ts";
import { decodePax } from "../../src/image/layer/pax.ts";
import { TarReader } from "../../src/image/layer/tar-reader.ts";
import { parseWhiteout } from "../../src/image/layer/whiteout.ts";
import { OCI_MANIFEST } from "../../src/image/media-types.ts";
import { parseConfig } from "../../src/image/parse-config.ts";
import { parseIndex } from "../../src/image/parse-index.ts";
import { parseManifest } from "../../src/image/parse-manifest.ts";
import { parsePlatform } from "../../src/image/platform.ts";
import { parseImageArgument } from "../../src/image/reference.ts";
import { anImage } from "../../src/testing/image-builder.ts";
import { pax } from "../hostile/forge-tar.ts";
import { decoded, type FuzzTarget, JSON_WORDS, json, text } from "./target.ts";

const built = anImage()
  .withLayer([{ path: "a/b", content: "x", xattrs: { "user.k": "v" } }])
  .withConfig({ cmd: ["/bin/sh"], env: ["A=1"], labels: { k: "v" }, volumes: ["/d"], user: "1:2" })
  .withAnnotations({ note: "x" })
  .build();
const tar = encodeTar([
  { path: "d", kind: "dir" },
  {
    path: `${"long/".repeat(30)}f`,
    content: "content",
    xattrs: { "user.k": "v" },
    modifiedAt: { seconds: 1, nanoseconds: 5 },
  },
  { path: "s", kind: "symlink", linkTarget: "d" },
  { path: "h", kind: "hardlink", linkTarget: "s" },
  { path: "c", kind: "char", devMajor: 1, devMinor: 3 },
  { path: ".wh.gone" },
]);
const aci = {
  acKind: "ImageManifest",
  acVersion: "0.8.11",
  name: "example.com/app",
  labels: [
    { name: "os", value: "linux" },
    { name: "arch", value: "amd64" },
  ],
  app: {
    exec: ["/bin/app"],
    user: "0",
    group: "0",
    ports: [{ name: "http", protocol: "tcp", port: 80, count: 2 }],
    mountPoints: [{ name: "data", path: "/data" }],
    isolators: [{ name: "resource/memory", value: { limit: "1Gi" } }],
    eventHandlers: [{ name: "pre-start", exec: ["/bin/x"] }],
  },
  dependencies: [{ imageName: "example.com/base", labels: [{ name: "version", value: "1" }] }],
  annotations: [{ name: "created", value: "2020-01-01T00:00:00Z" }],
};
const aciPod = {
  acKind: "PodManifest",
  acVersion: "0.8.11",
  apps: [{ name: "app", image: { id: `sha512-${"a".repeat(128)}` }, mounts: [{ volume: "v", path: "/v" }] }],
  volumes: [{ name: "v", kind: "empty", mode: "0755", uid: 0, gid: 0 }],
  ports: [{ name: "http", hostPort: 8080 }],
};

const TAR_WORDS = [
  "ustar\u000000",
  "ustar  \0",
  "\0".repeat(512),
  "77777777777\0",
  "../",
  "/",
  "20 path=../../../x\n",
  "99 GNU.sparse.major=1\n",
];
const OCI_WORDS = [
  ...JSON_WORDS,
  '"mediaType":',
  '"digest":"sha256:',
  '"size":',
  '"layers":',
  '"manifests":',
  '"config":',
];

function readTar(input: Uint8Array): number {
  let count = 0;
  const reader = new TarReader({ onEntry: () => void count++, onData: () => {}, onEntryEnd: () => {} });
  // In pieces that cut headers and content anywhere.
  for (let at = 0; at < input.length; at += 700) reader.push(input.subarray(at, at + 700));
  reader.end();
  return count;
}

/** Names, documents and layers. */
export const IMAGE_TARGETS: readonly FuzzTarget[] = [
  {
    name: "image argument",
    weight: 10,
    seeds: [
      "example.com/app:1.2",
      `docker://h:5000/a/b@sha256:${"a".repeat(64)}`,
      "oci:/dir:ref",
      "./file.aci",
      "https://e.com/x",
    ].map(text),
    words: ["@", ":", "://", "//", "..", "sha256:", "docker://", "oci-archive:", "localhost", "[::1]", ",", "="],
    feed: decoded(parseImageArgument),
  },
  {
    name: "digest",
    weight: 4,
    seeds: [text(`sha256:${"a".repeat(64)}`), text(`sha512:${"b".repeat(128)}`)],
    words: [":", "sha256:", "+", "\n"],
    feed: decoded(parseDigest),
  },
  {
    name: "platform",
    weight: 4,
    seeds: ["linux/amd64", "linux/arm/v7"].map(text),
    words: ["/", "//", "v8"],
    feed: decoded(parsePlatform),
  },
  {
    name: "strict JSON",
    weight: 12,
    seeds: [built.manifest, json(aci)],
    words: JSON_WORDS,
    feed: (input) => parseJsonStrict(input, { limitBytes: 65_536 }),
  },
  {
    name: "image manifest",
    weight: 10,
    seeds: [built.manifest],
    words: OCI_WORDS,
    feed: (input) => parseManifest(input, OCI_MANIFEST),
  },
  {
    name: "image config",
    weight: 10,
    seeds: [built.config],
    words: [...OCI_WORDS, '"diff_ids":', '"Env":', '"ExposedPorts":'],
    feed: (input) => parseConfig(input),
  },
  {
    name: "image index",
    weight: 6,
    seeds: [
      json({
        schemaVersion: 2,
        manifests: [
          {
            ...{ mediaType: OCI_MANIFEST, size: 3 },
            digest: built.descriptor.digest,
            platform: { os: "linux", architecture: "amd64" },
          },
        ],
      }),
    ],
    words: OCI_WORDS,
    feed: (input) => parseIndex(input),
  },
  {
    name: "ACI manifest",
    weight: 8,
    seeds: [json(aci)],
    words: [...JSON_WORDS, '"isolators":', '"labels":', '"ports":', "resource/cpu", "os/linux/seccomp-retain-set"],
    feed: parseAciManifest,
  },
  {
    name: "appc pod manifest",
    weight: 6,
    seeds: [json(aciPod)],
    words: [...JSON_WORDS, '"apps":', '"volumes":', '"mounts":', '"isolators":'],
    feed: parseAciPodManifest,
  },
  { name: "layer", weight: 5, seeds: [tar], words: TAR_WORDS, feed: readTar },
  {
    name: "pax records",
    weight: 6,
    seeds: [Buffer.from(pax({ path: "x", size: "5", "SCHILY.xattr.user.k": "v" }).content ?? "")],
    words: ["9 ", "0 ", "=", "\n", "path=", "99999999 "],
    feed: decodePax,
  },
  {
    name: "entry path",
    weight: 4,
    seeds: [text("a/b/../c"), text(`${"x/".repeat(300)}y`)],
    words: ["../", "//", "./", "\0"],
    feed: (input) => splitEntryPath(toByteString(input)),
  },
  {
    name: "whiteout",
    weight: 2,
    seeds: [text(".wh.a"), text(".wh..wh..opq")],
    words: [".wh.", ".", ".."],
    feed: (input) => parseWhiteout(toByteString(input)),
  },
];
