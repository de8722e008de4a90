import { digestOf } from "../../src/image/digest.ts";
import { encodeTar, type TarInput } from "../../src/image/layer/encode-tar.ts";
import { type Document, forgeDockerArchive, toBytes } from "./forge-image.ts";
import { type HostileCase, malformed, type Verdict } from "./hostile-case.ts";

const BAD_ARCHIVE = malformed("transport/bad-archive");
const tar = encodeTar([{ path: "x" }]);
const config = toBytes({ architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: [digestOf(tar)] } });
const good: readonly TarInput[] = [
  { path: "c.json", content: config },
  { path: "l/layer.tar", content: tar },
];

function archive(name: string, manifest: Document, members: readonly TarInput[], expect: Verdict): HostileCase {
  return {
    name: `docker-${name}`,
    transport: "docker-archive",
    expect,
    make: () => forgeDockerArchive(manifest, members),
  };
}

/** Archives of `docker save` whose manifest.json points at what it should not. */
export const DOCKER_CASES: readonly HostileCase[] = [
  archive(
    "config-outside",
    [{ Config: "../../../../etc/passwd", RepoTags: ["a:1"], Layers: ["l/layer.tar"] }],
    good,
    BAD_ARCHIVE,
  ),
  archive(
    "config-absolute",
    [{ Config: "/etc/passwd", RepoTags: ["a:1"], Layers: ["l/layer.tar"] }],
    good,
    BAD_ARCHIVE,
  ),
  archive("layer-outside", [{ Config: "c.json", RepoTags: ["a:1"], Layers: ["../../etc/shadow"] }], good, BAD_ARCHIVE),
  archive(
    "layer-a-link-to-the-host",
    [{ Config: "c.json", RepoTags: ["a:1"], Layers: ["evil.tar"] }],
    [...good, { path: "evil.tar", kind: "symlink", linkTarget: "/etc/shadow" }],
    BAD_ARCHIVE,
  ),
  archive(
    "layer-link-loop",
    [{ Config: "c.json", RepoTags: ["a:1"], Layers: ["a.tar"] }],
    [
      ...good,
      { path: "a.tar", kind: "symlink", linkTarget: "b.tar" },
      { path: "b.tar", kind: "symlink", linkTarget: "a.tar" },
    ],
    BAD_ARCHIVE,
  ),
  archive("manifest-an-object", { Config: "c.json" }, good, BAD_ARCHIVE),
  archive("manifest-empty", [], good, BAD_ARCHIVE),
  archive(
    "manifest-key-twice",
    '[{"Config":"c.json","Config":"l/layer.tar","RepoTags":["a:1"],"Layers":[]}]',
    good,
    BAD_ARCHIVE,
  ),
  archive(
    "layers-a-thousand",
    [{ Config: "c.json", RepoTags: ["a:1"], Layers: Array(1000).fill("l/layer.tar") }],
    good,
    BAD_ARCHIVE,
  ),
  archive(
    "layers-too-many-for-config",
    [{ Config: "c.json", RepoTags: ["a:1"], Layers: ["l/layer.tar", "l/layer.tar"] }],
    good,
    malformed("image/bad-config"),
  ),
  archive(
    "config-is-the-layer",
    [{ Config: "l/layer.tar", RepoTags: ["a:1"], Layers: ["l/layer.tar"] }],
    good,
    malformed("image/bad-config"),
  ),
  archive(
    "name-twice",
    [{ Config: "c.json", RepoTags: ["a:1"], Layers: ["l/layer.tar"] }],
    [...good, { path: "c.json", content: "{}" }],
    BAD_ARCHIVE,
  ),
];
