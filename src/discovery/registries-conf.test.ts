import { expect, test } from "bun:test";
import { formatImageName, parseImageName } from "../image/image-name.ts";
import { parseRegistriesConf } from "./parse-registries-conf.ts";
import { resolveRegistry } from "./resolve-registry.ts";

const HEX = "a".repeat(64);
const MAIN = `
unqualified-search-registries = ["quay.io"]
[[registry]]
prefix = "example.com/foo"
location = "internal.example.net/bar"
[[registry.mirror]]
location = "m0.local:5000/foo"
[[registry.mirror]]
location = "m1.local"
insecure = true
pull-from-mirror = "digest-only"
[[registry]]
location = "example.com"
insecure = true
[[registry]]
prefix = "*.corp.test"
[[registry.mirror]]
location = "cache.test/corp"
pull-from-mirror = "tag-only"
[[registry]]
location = "evil.test"
blocked = true
[aliases]
"app" = "example.com/app"
`;

function placesOf(text: string, ...files: readonly string[]): readonly string[] {
  const conf = parseRegistriesConf(files.map((content, i) => ({ path: `/etc/${i}.conf`, text: content })));
  return resolveRegistry(conf, parseImageName(text)).map(({ role, name, insecure }) => {
    return `${role} ${formatImageName(name)}${insecure ? " insecure" : ""}`;
  });
}

test("resolveRegistry() takes the longest prefix by whole components, mirrors first, and rewrites", () => {
  expect(placesOf("example.com/foo/image:1", MAIN)).toEqual([
    "mirror m0.local:5000/foo/image:1",
    "registry internal.example.net/bar/image:1",
  ]);
  expect(placesOf(`example.com/foo/image@sha256:${HEX}`, MAIN)).toEqual([
    `mirror m0.local:5000/foo/image@sha256:${HEX}`,
    `mirror m1.local/image@sha256:${HEX} insecure`,
    `registry internal.example.net/bar/image@sha256:${HEX}`,
  ]);
});

test("resolveRegistry() does not take example.com/foobar for something beneath example.com/foo", () => {
  expect(placesOf("example.com/foobar:1", MAIN)).toEqual(["registry example.com/foobar:1 insecure"]);
});

test("resolveRegistry() matches any sub-domain of a *. prefix, keeps its names, and minds which pulls a mirror is for", () => {
  expect(placesOf("a.b.corp.test/x:1", MAIN)).toEqual(["mirror cache.test/corp/x:1", "registry a.b.corp.test/x:1"]);
  expect(placesOf(`a.corp.test/x@sha256:${HEX}`, MAIN)).toEqual([`registry a.corp.test/x@sha256:${HEX}`]);
  expect(placesOf("corp.test/x:1", MAIN)).toEqual(["registry corp.test/x:1"]);
});

test("resolveRegistry() refuses blocked names, and says which file blocks them", () => {
  expect(() => placesOf("evil.test/x", MAIN)).toThrowCode("discovery/blocked");
});

test("parseRegistriesConf() lets drop-ins replace tables, and remove aliases", () => {
  const dropIn =
    '[[registry]]\nprefix = "evil.test"\nlocation = "good.test:1"\n[aliases]\n"app" = ""\n"db" = "example.com/db"\n';
  expect(placesOf("evil.test/x:2", MAIN, dropIn)).toEqual(["registry good.test:1/x:2"]);
  const conf = parseRegistriesConf([MAIN, dropIn].map((text, i) => ({ path: `${i}`, text })));
  expect([...conf.aliases]).toEqual([["db", "example.com/db"]]);
  expect(conf.unqualifiedSearch).toEqual(["quay.io"]);
});

const BAD = [
  "[[registry]]\nlocation = ",
  "[[registry]]\nblocked = true",
  '[[registry]]\nprefix = "a.b"',
  '[[registry]]\nlocation = "a.b"\ninsecure = "yes"',
  '[[registry]]\nlocation = "https://a.b"',
  '[[registry]]\nlocation = "a.b"\n[[registry.mirror]]\ninsecure = true',
  '[[registry]]\nlocation = "a.b"\nmirror-by-digest-only = true\n[[registry.mirror]]\nlocation = "c.d"\npull-from-mirror = "all"',
  '[[registry]]\nlocation = "a.b"\n[[registry.mirror]]\nlocation = "c.d"\npull-from-mirror = "some"',
  '[registries.search]\nregistries = ["a"]',
  'unqualified-search-registries = "a"',
  "registry = 3",
  "[aliases]\nx = 3",
];
for (const text of BAD) {
  test(`parseRegistriesConf() refuses ${JSON.stringify(text)}`, () => {
    expect(() => parseRegistriesConf([{ path: "f", text }])).toThrowCode("discovery/bad-config");
  });
}
