import { describe, expect, test } from "bun:test";
import { formatImageArgument, parseImageArgument } from "./reference.ts";

const HEX = "a".repeat(64);

describe("parseImageArgument()", () => {
  const good: readonly (readonly [string, unknown])[] = [
    ["example.com/app:1.2", { kind: "name", name: { host: "example.com", path: "app", tag: "1.2", labels: {} } }],
    ["localhost/a/b", { kind: "name", name: { host: "localhost", path: "a/b", labels: {} } }],
    ["[::1]:5000/a", { kind: "name", name: { host: "[::1]:5000", path: "a", labels: {} } }],
    [
      `reg:5000/x@sha256:${HEX}`,
      { kind: "name", name: { host: "reg:5000", path: "x", digest: `sha256:${HEX}`, labels: {} } },
    ],
    [
      "example.com/app,version=1,os=linux",
      { kind: "name", name: { host: "example.com", path: "app", tag: "1", labels: { os: "linux" } } },
    ],
    ["docker://busybox", { kind: "docker", name: { host: "docker.io", path: "library/busybox", labels: {} } }],
    ["docker://a/b:c", { kind: "docker", name: { host: "docker.io", path: "a/b", tag: "c", labels: {} } }],
    ["docker://index.docker.io/x", { kind: "docker", name: { host: "docker.io", path: "library/x", labels: {} } }],
    ["docker://localhost:5000/x", { kind: "docker", name: { host: "localhost:5000", path: "x", labels: {} } }],
    ["oci:/tmp/l:example.com/app:1", { kind: "oci-layout", path: "/tmp/l", ref: "example.com/app:1" }],
    ["oci-archive:x y.tar", { kind: "oci-archive", path: "x y.tar" }],
    ["aci:a.aci:example.com/app:1", { kind: "aci", path: "a.aci", ref: "example.com/app:1" }],
    ["sha512-0123456789", { kind: "stored", hexPrefix: "sha512-0123456789" }],
    ["docker-archive:a.tar:app:1", { kind: "docker-archive", path: "a.tar", ref: "app:1" }],
    ["https://example.com/a.oci", { kind: "url", url: "https://example.com/a.oci" }],
    ["./a.oci", { kind: "file", path: "./a.oci" }],
    ["/a b", { kind: "file", path: "/a b" }],
    ["deadbeef", { kind: "stored", hexPrefix: "deadbeef" }],
    [`sha256:${HEX}`, { kind: "stored", hexPrefix: HEX }],
  ];
  for (const [text, want] of good) {
    test(`reads "${text}" and its normal form again`, () => {
      const got: unknown = JSON.parse(JSON.stringify(parseImageArgument(text)));
      expect(got).toEqual(want);
      expect(JSON.parse(JSON.stringify(parseImageArgument(formatImageArgument(parseImageArgument(text)))))).toEqual(
        want,
      );
    });
  }

  const bad = [
    "",
    "busybox",
    "app/x",
    "example.com",
    "example.com/",
    "example.com//a",
    "Example.com/a",
    "example.com/App",
    "example.com/a:",
    "example.com/a:b c",
    "example.com/a@sha256:12",
    "example.com/a@md5:aa",
    "example.com:0/a",
    "example.com:70000/a",
    "example.com/a:1,version=2",
    "example.com/a,os",
    "example.com/a,os=",
    "-a.com/b",
    "oci:",
    "oci:x:",
    "ftp://x.y/z",
    "https://",
    "https://u:p@example.com/x",
    "sha256:abc",
    "aci:",
    "sha512-ab",
    `sha512-${"A".repeat(20)}`,
    `example.com/${"a".repeat(300)}`,
    "example.com/../b",
    "docker://",
    "docker://a//b",
  ];
  for (const text of bad) {
    test(`refuses "${text.slice(0, 40)}"`, () => {
      expect(() => parseImageArgument(text)).toThrowCode("image/bad-reference");
    });
  }

  test("does not repeat credentials of a refused URL", () => {
    try {
      parseImageArgument("https://user:hunter2@example.com/x");
    } catch (reason) {
      expect(String(reason)).not.toContain("hunter2");
    }
  });
});
