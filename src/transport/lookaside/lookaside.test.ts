import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseDigest } from "../../image/digest.ts";
import { openFiles } from "../../sys/linux/files.ts";
import { createTestHttpClient } from "../../testing/registry/test-http-client.ts";
import { lookasidePlace } from "./lookaside-place.ts";
import { parseRegistriesD } from "./parse-registries-d.ts";
import { readLookaside } from "./read-lookaside.ts";
import { writeLookaside } from "./write-lookaside.ts";

const DIGEST = parseDigest(`sha256:${"a".repeat(64)}`);
const REST = `team/app@sha256=${"a".repeat(64)}`;
const SCOPES = ["example.com/team/app:1", "example.com/team/app", "example.com/team", "example.com", "*.com"];
const file = (text: string, path = "/etc/containers/registries.d/a.yaml") => ({ path, text });
const place = (text: string, write = false) =>
  lookasidePlace(parseRegistriesD([file(text)]), { scopes: SCOPES, repository: "team/app", digest: DIGEST, write });

let dir = "";
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "gantry-lookaside-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

test.each<[string, string, boolean, string]>([
  ["nothing: root's usual directory", "", false, `/var/lib/containers/sigstore/${REST}`],
  ["the default", "default-docker: {lookaside: 'file:///d'}", false, `/d/${REST}`],
  [
    "the longest namespace",
    "docker: {example.com: {lookaside: 'file:///a'}, example.com/team: {lookaside: 'file:///b/'}}",
    false,
    `/b/${REST}`,
  ],
  [
    "not a sibling of similar name",
    "docker: {example.com/te: {lookaside: 'file:///a'}}",
    false,
    `/var/lib/containers/sigstore/${REST}`,
  ],
  ["a wildcard", "docker: {'*.com': {lookaside: 'file:///w'}}", false, `/w/${REST}`],
  [
    "an entry that says nothing is passed over",
    "docker: {example.com/team: {use-sigstore-attachments: true}, example.com: {lookaside: 'file:///a'}}",
    false,
    `/a/${REST}`,
  ],
  [
    "the old names",
    "docker: {example.com: {sigstore: 'file:///old', sigstore-staging: 'file:///stage'}}",
    false,
    `/old/${REST}`,
  ],
  [
    "staging for writing",
    "docker: {example.com: {lookaside: 'https://x.io/s', lookaside-staging: 'file:///stage'}}",
    true,
    `/stage/${REST}`,
  ],
  ["old staging for writing", "default-docker: {sigstore-staging: 'file:///stage'}", true, `/stage/${REST}`],
])("lookasidePlace() takes %s", (_title, text, write, directory) => {
  expect(place(text, write)).toEqual({ kind: "file", directory });
});

test("lookasidePlace() knows servers, and refuses other URLs", () => {
  expect(place("default-docker: {lookaside: 'https://x.io/s/'}")).toEqual({
    kind: "http",
    url: `https://x.io/s/${REST}`,
  });
  expect(() => place("default-docker: {lookaside: 'ftp://x.io/s'}")).toThrowCode("transport/bad-lookaside");
  expect(() => place("default-docker: {lookaside: 'file://host/s'}")).toThrowCode("transport/bad-lookaside");
});

test.each<[string, readonly { path: string; text: string }[]]>([
  ["two defaults", [file("default-docker: {lookaside: 'file:///a'}"), file("default-docker: {}", "/b.yaml")]],
  ["a namespace twice", [file("docker: {a.io: {}}"), file("docker: {a.io: {}}", "/b.yaml")]],
  ["no mapping", [file("- a")]],
  ["no text", [file("docker: {a.io: {lookaside: 3}}")]],
  ["no YAML", [file("docker: [")]],
])("parseRegistriesD() refuses %s", (_title, files) => {
  expect(() => parseRegistriesD(files)).toThrowCode("transport/bad-lookaside");
});

test("writeLookaside() adds under the next number, once each, and readLookaside() reads up to the gap", async () => {
  const here = { kind: "file" as const, directory: join(dir, REST) };
  const host = { http: createTestHttpClient(), openDirectory: openFiles };
  expect(await readLookaside(host, here)).toEqual([]);
  for (const text of ["one", "two", "one"]) writeLookaside(openFiles, here, Buffer.from(text));
  expect(readdirSync(here.directory).sort()).toEqual(["signature-1", "signature-2"]);
  const found = await readLookaside(host, here);
  expect(found.map((one) => [Buffer.from(one.bytes).toString(), one.kind])).toEqual([
    ["one", "simple"],
    ["two", "simple"],
  ]);
  const server = { kind: "http" as const, url: "https://x.io" };
  expect(() => writeLookaside(openFiles, server, Buffer.from("x"))).toThrowCode("transport/unsupported");
  expect(existsSync(join(here.directory, "tmp"))).toBe(false);
});

test("readLookaside() reads from a server up to the first 404, and does not take a broken server for an empty one", async () => {
  let status = 500;
  await using server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: ({ url }) =>
      url.endsWith("signature-1")
        ? new Response("one")
        : new Response("", { status: url.includes("bad") ? status : 404 }),
  });
  const host = { http: createTestHttpClient(), openDirectory: openFiles };
  const base = `http://127.0.0.1:${server.port}`;
  const found = await readLookaside(host, { kind: "http", url: `${base}/${REST}` });
  expect(found.map(({ bytes, from }) => [Buffer.from(bytes).toString(), from])).toEqual([
    ["one", `${base}/${REST}/signature-1`],
  ]);
  for (status of [500, 403])
    await expect(readLookaside(host, { kind: "http", url: `${base}/bad` })).rejects.toThrowCode(
      "transport/unavailable",
    );
});
