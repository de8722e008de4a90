import { expect, test } from "bun:test";
import { gunzipSync, gzipSync, zstdCompressSync } from "node:zlib";
import { parseManifest } from "../../image/parse-manifest.ts";
import { openFiles } from "../../sys/linux/files.ts";
import { startDiscoveryServer } from "../../testing/discovery-server.ts";
import { createRecordingPacing } from "../../testing/registry/recording-pacing.ts";
import { makeTempDirectory } from "../../testing/registry/temp-directory.ts";
import { createTestHttpClient } from "../../testing/registry/test-http-client.ts";
import { writeTestLayout } from "../../testing/registry/write-test-layout.ts";
import { type ArchiveImage, openArchiveSource } from "./open-archive-source.ts";

const HAS_SKOPEO = Bun.which("skopeo") !== null;

async function setUp() {
  const dir = makeTempDirectory();
  const layout = openFiles(`${dir.path}/layout`);
  const members = openFiles(`${dir.path}/members`);
  members.writeAtomic("hello", "world\n");
  await run("tar", "-C", members.root, "-cf", `${dir.path}/layer.tar`, "hello");
  const layer = openFiles(dir.path).readBytes("layer.tar", 1 << 20);
  const [image] = writeTestLayout(layout, [{ ref: "v1", layer }]);
  layout.remove("tmp");
  await run("tar", "-C", layout.root, "-cf", `${dir.path}/oci.tar`, ".");
  const host = {
    http: createTestHttpClient(),
    pacing: createRecordingPacing(),
    temp: openFiles(`${dir.path}/private`),
    openDirectory: openFiles,
  };
  const open = (name: string, more: Partial<ArchiveImage> = {}) =>
    openArchiveSource(host, { from: { kind: "file", path: `${dir.path}/${name}` }, ...more });
  return { dir, files: openFiles(dir.path), layer, image, host, open, [Symbol.dispose]: () => dir[Symbol.dispose]() };
}

async function run(...argv: string[]): Promise<void> {
  const { exitCode, stderr } = Bun.spawnSync(argv, { stderr: "pipe" });
  expect([exitCode, exitCode === 0 ? "" : stderr.toString()]).toEqual([0, ""]);
}

async function readLayer(source: Awaited<ReturnType<typeof openArchiveSource>>): Promise<Buffer> {
  const descriptor = await source.resolve();
  const manifest = parseManifest(await source.readDocument(descriptor, 1 << 20), descriptor.mediaType);
  await source.readDocument(manifest.config, 1 << 20);
  const parts: Uint8Array[] = [];
  for (const layer of manifest.layers)
    for await (const chunk of (await source.openBlob(layer, 0)).chunks) parts.push(chunk);
  return Buffer.concat(parts);
}

async function codeOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => "nothing thrown",
    (reason: { code?: unknown }) => reason.code,
  );
}

test("openArchiveSource() reads an OCI archive, also compressed, from a private copy it removes", async () => {
  using it = await setUp();
  const plain = it.files.readBytes("oci.tar", 1 << 22);
  it.files.writeAtomic("oci.tar.gz", gzipSync(plain));
  it.files.writeAtomic("oci.tar.zst", zstdCompressSync(plain));
  for (const name of ["oci.tar", "oci.tar.gz", "oci.tar.zst"]) {
    await using source = await it.open(name);
    it.files.remove(name);
    expect(String((await source.resolve()).digest)).toBe(it.image?.manifest ?? "");
    expect(await readLayer(source)).toEqual(Buffer.from(it.layer));
  }
  expect(it.host.temp.list("tmp")).toEqual([]);
});

test("openArchiveSource() finds the detached signature beside the file", async () => {
  using it = await setUp();
  await using source = await it.open("oci.tar");
  const { digest } = await source.resolve();
  expect(await source.findSignatures(digest)).toEqual([]);
  it.files.writeAtomic("oci.tar.asc", "armor");
  const found = await source.findSignatures(digest);
  expect(found).toMatchObject([{ over: "archive", from: `${it.dir.path}/oci.tar.asc` }]);
  expect(Buffer.from(await Bun.file(source.archivePath ?? "").arrayBuffer())).toEqual(
    Buffer.from(it.files.readBytes("oci.tar", 1 << 22)),
  );
});

test("openArchiveSource() downloads archive and signature; 404 means none, 202 is asked again", async () => {
  using it = await setUp();
  await using server = await startDiscoveryServer();
  const open = () => openArchiveSource(it.host, { from: { kind: "url", url: `${server.origin()}/app.oci.tar` } });
  expect(await codeOf(open())).toBe("transport/not-found");
  server.serve("/app.oci.tar", { body: it.files.readBytes("oci.tar", 1 << 22) });
  await using source = await open();
  const { digest } = await source.resolve();
  expect(await source.findSignatures(digest)).toEqual([]);
  server.serve("/app.oci.tar.asc", { status: 202, body: "" });
  expect(await source.findSignatures(digest)).toEqual([]);
  expect(server.requests.filter((line) => line.endsWith(".asc")).length).toBe(3);
  server.serve("/app.oci.tar.asc", { body: "armor" });
  expect(await source.findSignatures(digest)).toMatchObject([{ over: "archive" }]);
});

test("openArchiveSource() refuses what is missing, garbage, cut short, or says a name twice, and leaves nothing", async () => {
  using it = await setUp();
  const plain = it.files.readBytes("oci.tar", 1 << 22);
  it.files.writeAtomic("garbage", Buffer.alloc(4096, 7));
  it.files.writeAtomic("cut", plain.subarray(0, plain.indexOf(0x7b) + 4));
  it.files.writeAtomic("cut.gz", gzipSync(plain).subarray(0, 300));
  it.files.writeAtomic("empty", "");
  await run("cp", `${it.dir.path}/oci.tar`, `${it.dir.path}/twice`);
  await run("tar", "-C", `${it.dir.path}/layout`, "-rf", `${it.dir.path}/twice`, "./index.json");
  expect(await codeOf(it.open("missing"))).toBe("transport/not-found");
  for (const name of ["garbage", "cut", "cut.gz", "empty", "twice"])
    expect([name, await codeOf(it.open(name))]).toEqual([name, "transport/bad-archive"]);
  expect(it.host.temp.list("tmp")).toEqual([]);
});

test.skipIf(!HAS_SKOPEO)(
  "openArchiveSource() reads archives skopeo made, and gives a docker archive one digest always",
  async () => {
    using it = await setUp();
    const from = `oci:${it.dir.path}/layout:v1`;
    await run(
      "skopeo",
      "copy",
      "-q",
      "--insecure-policy",
      from,
      `docker-archive:${it.dir.path}/docker.tar:example.com/app:1.0`,
    );
    await run("skopeo", "copy", "-q", "--insecure-policy", from, `oci-archive:${it.dir.path}/skopeo.tar:v1`);
    const digests: string[] = [];
    for (const more of [{}, { format: "docker", ref: "example.com/app:1.0" }, { ref: "app:1.0" }] as const) {
      await using source = await it.open("docker.tar", more);
      expect(await readLayer(source)).toEqual(Buffer.from(it.layer));
      digests.push((await source.resolve()).digest);
    }
    expect(new Set(digests).size).toBe(1);
    expect(await codeOf(it.open("docker.tar", { ref: "other" }))).toBe("transport/not-found");
    await using oci = await it.open("skopeo.tar", { ref: "v1" });
    expect(gunzipSync(await readLayer(oci)).equals(it.layer)).toBe(true);
  },
);
