import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import type { Descriptor } from "../image/descriptor.ts";
import { digestOf } from "../image/digest.ts";
import { encodeIndex, encodeManifest } from "../image/encode-document.ts";
import { DOCKER_CONFIG, DOCKER_LAYER_GZIP, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST } from "../image/media-types.ts";
import { parseIndex } from "../image/parse-index.ts";
import { parsePlatform } from "../image/platform.ts";
import type { Files } from "../sys/host.ts";
import { openFiles } from "../sys/linux/files.ts";
import { createUserFile } from "../sys/user-file.ts";
import { anImage, type BuiltImage } from "../testing/image-builder.ts";
import { makeTempDirectory } from "../testing/registry/temp-directory.ts";
import { DockerArchiveWriter } from "./archive/docker-archive-writer.ts";
import { openArchiveSource } from "./archive/open-archive-source.ts";
import { createOciArchive } from "./archive/open-oci-archive-sink.ts";
import { copyImage } from "./copy-image.ts";
import { openLayoutSink } from "./layout/open-layout-sink.ts";
import { openLayoutSource } from "./layout/open-layout-source.ts";

const ALL = { kind: "all" } as const;

function put(files: Files, raw: Uint8Array): void {
  files.writeAtomic(`blobs/sha256/${digestOf(raw).slice(7)}`, raw);
}

function variant(text: string): BuiltImage {
  return anImage()
    .withLayer([{ path: "f", content: text }])
    .withPlatform(parsePlatform(text))
    .build();
}

/** A layout whose only entry is an index of two platforms. */
function multiLayout(dir: string): {
  readonly files: Files;
  readonly index: Descriptor;
  readonly images: readonly BuiltImage[];
} {
  const files = openFiles(dir);
  const images = [variant("linux/amd64"), variant("linux/arm64")];
  for (const image of images) for (const raw of image.blobs.values()) put(files, raw);
  const raw = encodeIndex({ manifests: images.map(({ descriptor }) => descriptor), annotations: { a: "b" } });
  put(files, raw);
  const index = { mediaType: OCI_INDEX, digest: digestOf(raw), sizeBytes: raw.byteLength, annotations: {} };
  files.writeAtomic("oci-layout", '{"imageLayoutVersion":"1.0.0"}');
  files.writeAtomic("index.json", encodeIndex({ manifests: [index] }));
  return { files, index, images };
}

test("copyImage() keeps an index byte for byte, and makes a new one of chosen platforms", async () => {
  using from = makeTempDirectory();
  using to = makeTempDirectory();
  const { files, index, images } = multiLayout(from.path);
  const source = openLayoutSource(files);
  const target = openFiles(to.path);
  const copy = async (ref: string, choice: Parameters<typeof copyImage>[0]["choice"]) => {
    await using sink = openLayoutSink(target, { ref });
    return await copyImage({ source, sink, descriptor: index, choice });
  };
  expect((await copy("all", ALL)).top.digest).toBe(index.digest);
  const one = await copy("one", { kind: "some", platforms: [parsePlatform("linux/arm64")] });
  expect(String(one.top.digest)).toBe(images[1]?.descriptor.digest ?? "");
  const both = [parsePlatform("linux/arm64"), parsePlatform("linux/amd64")];
  const two = await copy("two", { kind: "some", platforms: both });
  const entries = parseIndex(target.readBytes(`blobs/sha256/${two.top.digest.slice(7)}`, 1 << 20)).manifests;
  expect(entries.map(({ platform }) => platform?.architecture)).toEqual(["arm64", "amd64"]);
  await expect(copy("none", { kind: "some", platforms: [parsePlatform("linux/s390x")] })).rejects.toMatchObject({
    code: "image/no-platform",
  });
  expect(parseIndex(target.readBytes("index.json", 1 << 20)).manifests).toHaveLength(3);
  expect(target.list("")).toEqual(["blobs", "index.json", "oci-layout"]);
});

test("openLayoutSink() replaces the image of the same name, keeps others, and refuses a directory of something else", async () => {
  using from = makeTempDirectory();
  using to = makeTempDirectory();
  const { files, images } = multiLayout(from.path);
  const source = openLayoutSource(files);
  for (const [ref, image] of [
    ["a", images[0]],
    ["b", images[0]],
    ["a", images[1]],
  ] as const) {
    if (image === undefined) throw new Error("no image");
    await using sink = openLayoutSink(openFiles(to.path), { ref });
    await copyImage({ source, sink, descriptor: image.descriptor, choice: ALL });
  }
  const { manifests } = parseIndex(openFiles(to.path).readBytes("index.json", 1 << 20));
  expect(manifests.map(({ annotations }) => annotations["org.opencontainers.image.ref.name"])).toEqual(["b", "a"]);
  using other = makeTempDirectory();
  openFiles(other.path).writeAtomic("precious", "x");
  expect(() => openLayoutSink(openFiles(other.path))).toThrow(
    expect.objectContaining({ code: "transport/bad-archive" }),
  );
});

test("copyImage() describes a Docker image the OCI way where only that is read, the same way every time", async () => {
  using from = makeTempDirectory();
  using to = makeTempDirectory();
  const image = anImage()
    .withLayer([{ path: "f", content: "x" }])
    .build();
  const files = openFiles(from.path);
  for (const raw of image.blobs.values()) put(files, raw);
  const config = {
    mediaType: DOCKER_CONFIG,
    digest: digestOf(image.config),
    sizeBytes: image.config.byteLength,
    annotations: {},
  };
  const raw = encodeManifest({
    mediaType: DOCKER_MANIFEST,
    config,
    layers: image.layers.map((layer) => ({ ...layer, mediaType: DOCKER_LAYER_GZIP })),
  });
  put(files, raw);
  const descriptor = { mediaType: DOCKER_MANIFEST, digest: digestOf(raw), sizeBytes: raw.byteLength, annotations: {} };
  files.writeAtomic("oci-layout", '{"imageLayoutVersion":"1.0.0"}');
  files.writeAtomic("index.json", encodeIndex({ manifests: [descriptor] }));
  await using sink = openLayoutSink(openFiles(to.path), { ref: "a" });
  const report = await copyImage({ source: openLayoutSource(files), sink, descriptor, choice: ALL });
  expect(report.top.mediaType).toBe(OCI_MANIFEST);
  expect(report.top.digest).toBe(digestOf(image.manifest));
});

test("archives appear whole or not at all, hold several images, and are the same bytes each time", async () => {
  using from = makeTempDirectory();
  using to = makeTempDirectory();
  const { files, images } = multiLayout(from.path);
  const source = openLayoutSource(files);
  const write = async (name: string) => {
    const path = `${to.path}/${name}`;
    await using archive = createOciArchive(createUserFile(path), path);
    for (const [i, image] of images.entries())
      await copyImage({ source, sink: archive.sink(`v${i}`), descriptor: image.descriptor, choice: ALL });
    expect(openFiles(to.path).has(name)).toBe(false);
    archive.finish();
    return readFileSync(path);
  };
  expect((await write("one.tar")).equals(await write("two.tar"))).toBe(true);
  const host = {
    http: { send: () => Promise.reject(new Error("no network")) },
    pacing: { sleep: async () => {}, jitter: () => 0 },
    temp: openFiles(to.path),
    openDirectory: openFiles,
  };
  for (const [i, image] of images.entries()) {
    await using read = await openArchiveSource(host, {
      from: { kind: "file", path: `${to.path}/one.tar` },
      ref: `v${i}`,
    });
    expect((await read.resolve()).digest).toBe(image.descriptor.digest);
  }
  {
    using file = createUserFile(`${to.path}/docker.tar`);
    const writer = new DockerArchiveWriter({ temp: openFiles(to.path) }, file);
    for (const [i, image] of images.entries())
      await writer.add({ source, manifest: image.descriptor, tags: [`example.com/app:v${i}`] });
    writer.finish();
  }
  await using read = await openArchiveSource(host, {
    from: { kind: "file", path: `${to.path}/docker.tar` },
    ref: "app:v1",
  });
  const descriptor = await read.resolve();
  const manifest = JSON.parse(Buffer.from(await read.readDocument(descriptor, 1 << 20)).toString());
  expect(manifest.layers[0].digest).toBe(images[1]?.diffIds[0]);
  expect(openFiles(to.path).list("tmp")).toHaveLength(1); // the private copy of the archive that is open
  const damaged = openFiles(from.path);
  const [layer] = images[0]?.layers ?? [];
  if (layer === undefined) throw new Error("no layer");
  damaged.writeAtomic(`blobs/sha256/${layer.digest.slice(7)}`, new Uint8Array(layer.sizeBytes));
  await expect(write("bad.tar")).rejects.toMatchObject({ code: "transport/bad-answer" });
  expect(
    openFiles(to.path)
      .list("")
      .filter((name) => name.includes("bad")),
  ).toEqual([]);
});
