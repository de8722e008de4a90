import { parseMetaTags } from "../../src/discovery/parse-meta-tags.ts";
import { parseRegistriesConf } from "../../src/discovery/parse-registries-conf.ts";
import { encodeTar } from "../../src/image/layer/encode-tar.ts";
import { parseNetworkConfig } from "../../src/network/config.ts";
import { parseResult } from "../../src/network/result.ts";
import { convertDockerArchive } from "../../src/transport/archive/convert-docker-archive.ts";
import { scanTar } from "../../src/transport/archive/scan-tar.ts";
import { parseAuthFile } from "../../src/transport/parse-auth-file.ts";
import { parseChallenges } from "../../src/transport/registry/parse-challenges.ts";
import { sniffMediaType } from "../../src/transport/sniff-media-type.ts";
import { decoded, type FuzzTarget, JSON_WORDS, json, text } from "./target.ts";

const archive = encodeTar([
  { path: "oci-layout", content: "{}" },
  { path: "blobs/sha256/a", content: "x" },
  { path: "l", kind: "symlink", linkTarget: "blobs/sha256/a" },
]);
const html =
  '<!doctype html><html><head><meta name="ac-discovery" content="example.com https://s.example.com/{name}-{version}.{ext}">' +
  '<meta content="example.com https://k.example.com/k.asc" name="ac-discovery-pubkeys"></head><body>x</body></html>';
const registries = `
short-name-mode = "enforcing"
unqualified-search-registries = ["a.example.com"]
[[registry]]
prefix = "b.example.com/team"
location = "b.example.com/team"
insecure = false
blocked = false
[[registry.mirror]]
location = "c.example.com"
pull-from-mirror = "digest-only"
[aliases]
"app" = "a.example.com/app"
`;
const conflist = {
  cniVersion: "1.0.0",
  name: "net",
  plugins: [
    { type: "bridge", bridge: "b0", ipam: { type: "host-local", ranges: [[{ subnet: "10.1.0.0/16" }]] } },
    { type: "portmap", capabilities: { portMappings: true } },
  ],
};
const result = {
  cniVersion: "1.0.0",
  interfaces: [{ name: "eth0", mac: "00:11:22:33:44:55", sandbox: "/x" }],
  ips: [{ address: "10.1.0.2/16", gateway: "10.1.0.1", interface: 0 }],
  routes: [{ dst: "0.0.0.0/0" }],
  dns: { nameservers: ["10.1.0.1"] },
};

function readArchive(input: Uint8Array): unknown {
  return scanTar((offset, count) => input.subarray(offset, offset + count), { place: "x", sizeBytes: input.length });
}

function readDockerManifest(input: Uint8Array): unknown {
  const members = new Map([
    ["manifest.json", input],
    ["c.json", text("{}")],
    ["l.tar", text("layer")],
  ]);
  return convertDockerArchive(
    {
      sizeOf: (name) => members.get(name)?.length,
      read: (name) => members.get(name) ?? new Uint8Array(),
      chunks: (name) => [members.get(name) ?? new Uint8Array()],
    },
    { place: "x", ref: undefined },
  );
}

/** Where images come from, who they are asked from, and what plugins answer. */
export const SOURCE_TARGETS: readonly FuzzTarget[] = [
  {
    name: "discovery page",
    weight: 10,
    seeds: [text(html)],
    words: [
      "<meta ",
      "<!--",
      "-->",
      "<script>",
      "</head>",
      'name="ac-discovery"',
      "content=",
      "&#x0;",
      "{name}",
      '"',
      "'",
      ">",
    ],
    feed: decoded(parseMetaTags),
  },
  {
    name: "archive directory",
    weight: 6,
    seeds: [archive],
    words: ["ustar\u000000", "\0".repeat(512), "12 path=../x\n", "77777777777\0"],
    feed: readArchive,
  },
  {
    name: "docker archive manifest",
    weight: 6,
    seeds: [json([{ Config: "c.json", RepoTags: ["a:1"], Layers: ["l.tar"] }])],
    words: JSON_WORDS,
    feed: readDockerManifest,
  },
  {
    name: "auth file",
    weight: 6,
    seeds: [
      json({
        auths: { "r.example.com": { auth: "dTpw" } },
        credHelpers: { "x.example.com": "pass" },
        credsStore: "store",
      }),
    ],
    words: [...JSON_WORDS, '"auth":', "Og==", "../"],
    feed: decoded((input) => parseAuthFile(input, "auth.json")),
  },
  {
    name: "authentication challenge",
    weight: 6,
    seeds: [text('Bearer realm="https://a/t",service="s",scope="repository:a:pull", Basic realm="x"')],
    words: [",", '"', "=", "\\", "Bearer ", "realm="],
    feed: decoded(parseChallenges),
  },
  {
    name: "document type",
    weight: 4,
    seeds: [json(conflist), text("<html>")],
    words: JSON_WORDS,
    feed: sniffMediaType,
  },
  {
    name: "registries.conf",
    weight: 6,
    seeds: [text(registries)],
    words: [
      "[[registry]]",
      "[[registry.mirror]]",
      "prefix = ",
      '"*."',
      "location",
      "true",
      '"""',
      "'''",
      "= {",
      "\\u0000",
      "1979-05-27",
    ],
    feed: decoded((input) => parseRegistriesConf([{ path: "x", text: input }])),
  },
  {
    name: "CNI configuration",
    weight: 8,
    seeds: [json(conflist)],
    words: [...JSON_WORDS, '"plugins":', '"type":"../x"', '"capabilities":', '"cniVersion":"0.1.0"'],
    feed: (input) => parseNetworkConfig(input, "x.conflist"),
  },
  {
    name: "CNI result",
    weight: 8,
    seeds: [json(result), json({ cniVersion: "0.2.0", ip4: { ip: "10.0.0.2/24", gateway: "10.0.0.1" } })],
    words: [...JSON_WORDS, '"ips":', '"ip4":', '"interface":-1', "::/0", "999.1.1.1/99"],
    feed: decoded((input) => parseResult(input, "plugin")),
  },
];
