import { expect, test } from "bun:test";
import type { Descriptor } from "../../image/descriptor.ts";
import { parseDigest } from "../../image/digest.ts";
import { OCI_MANIFEST } from "../../image/media-types.ts";
import { openFiles } from "../../sys/linux/files.ts";
import { anImage, layoutFiles, seededBytes } from "../../testing/image-builder.ts";
import { startTestRegistry, type TestRegistry } from "../../testing/registry/start-test-registry.ts";
import { makeTempDirectory } from "../../testing/registry/temp-directory.ts";
import { createTestHttpClient } from "../../testing/registry/test-http-client.ts";
import { copyImage } from "../copy-image.ts";
import { openLayoutSource } from "../layout/open-layout-source.ts";
import { openRegistrySink } from "./open-registry-sink.ts";
import { UPLOAD_CHUNK_BYTES } from "./upload-blob.ts";

const BIG = seededBytes(7, 2 * UPLOAD_CHUNK_BYTES + 12_345);
const IMAGE = anImage()
  .withLayer([{ path: "big", content: BIG }], "none")
  .build();

function hostOf(http = createTestHttpClient()) {
  return { http, credentials: { find: async () => undefined }, pacing: { sleep: async () => {}, jitter: () => 0 } };
}

async function push(registry: TestRegistry, repository: string, mountFrom: readonly string[] = []) {
  using dir = makeTempDirectory();
  const files = openFiles(dir.path);
  for (const [path, content] of layoutFiles(IMAGE, "a")) files.writeAtomic(path, content);
  const source = openLayoutSource(files, { ref: "a" });
  const descriptor = await source.resolve();
  await using sink = openRegistrySink(hostOf(), {
    host: registry.host,
    repository,
    reference: "1",
    plainHttp: true,
    mountFrom,
  });
  return await copyImage({ source, sink, descriptor, choice: { kind: "all" } });
}

function layerOf(): Descriptor {
  const [layer] = IMAGE.layers;
  if (layer === undefined) throw new Error("no layer");
  return layer;
}

function patches(registry: TestRegistry): (string | null)[] {
  return registry.requests
    .filter(({ method }) => method === "PATCH")
    .map(({ headers }) => headers.get("content-range"));
}

test("openRegistrySink() sends a large blob in parts, small ones in one request, and names the image last", async () => {
  await using registry = await startTestRegistry();
  const report = await push(registry, "app");
  expect([report.written, report.present, report.mounted]).toEqual([2, 0, 0]);
  expect(
    Buffer.from(registry.content.repository("app").blobs.get(layerOf().digest) ?? "").equals(
      Buffer.from(IMAGE.blobs.get(layerOf().digest) ?? ""),
    ),
  ).toBe(true);
  expect(patches(registry)).toHaveLength(3);
  const last = registry.requests.at(-1);
  expect([last?.method, last?.url.pathname]).toEqual(["PUT", "/v2/app/manifests/1"]);
});

test("openRegistrySink() sends nothing twice: present blobs are skipped, others are mounted", async () => {
  await using registry = await startTestRegistry();
  await push(registry, "app");
  const before = registry.requests.length;
  expect((await push(registry, "app")).present).toBe(2);
  expect(registry.requests.slice(before).some(({ method }) => method === "POST" || method === "PATCH")).toBe(false);
  expect(await push(registry, "other", ["nowhere", "app"])).toMatchObject({ written: 0, mounted: 2 });
});

test("openRegistrySink() goes on at the byte the registry has when the connection breaks in the middle", async () => {
  await using registry = await startTestRegistry();
  // The second part arrives, but its answer does not; and the question how far it is fails once, too.
  registry.addFault({ match: "/blobs/uploads/", method: "PATCH", times: 1, does: { kind: "reset" } });
  registry.addFault({ match: "/blobs/uploads/", method: "GET", times: 1, does: { kind: "reset" } });
  await push(registry, "app");
  expect(registry.content.repository("app").blobs.has(layerOf().digest)).toBe(true);
  const starts = patches(registry).map((range) => Number(range?.split("-")[0]));
  expect(starts.filter((start) => start === UPLOAD_CHUNK_BYTES)).toHaveLength(1);
  expect(registry.requests.filter(({ method }) => method === "POST")).toHaveLength(2);
});

test("openRegistrySink() begins anew when the registry has forgotten the upload", async () => {
  await using registry = await startTestRegistry();
  registry.addFault({ match: "/blobs/uploads/", method: "PATCH", times: 5, does: { kind: "reset" } });
  registry.addFault({ match: "/blobs/uploads/", method: "GET", times: 1, does: { kind: "status", status: 404 } });
  await push(registry, "app");
  expect(registry.content.repository("app").blobs.has(layerOf().digest)).toBe(true);
});

test("openRegistrySink() streams the whole to a registry that takes no parts", async () => {
  await using registry = await startTestRegistry();
  registry.addFault({ match: "/blobs/uploads/", method: "PATCH", does: { kind: "status", status: 405 } });
  await push(registry, "app");
  expect(registry.content.repository("app").blobs.has(layerOf().digest)).toBe(true);
  const put = registry.requests.find(({ method, body }) => method === "PUT" && body.byteLength > UPLOAD_CHUNK_BYTES);
  expect(put?.headers.get("content-length")).toBe(String(layerOf().sizeBytes));
});

test("openRegistrySink() tags nothing when a blob fails, and refuses a digest the image does not have", async () => {
  await using registry = await startTestRegistry();
  registry.addFault({ match: "/blobs/uploads/", method: "PUT", does: { kind: "status", status: 403 } });
  await expect(push(registry, "app")).rejects.toMatchObject({ code: "transport/unauthorized" });
  expect(registry.content.repository("app").tags.size).toBe(0);
  const wrong = parseDigest(`sha256:${"0".repeat(64)}`);
  await using sink = openRegistrySink(hostOf(), {
    host: registry.host,
    repository: "app",
    reference: wrong,
    plainHttp: true,
  });
  const top = { raw: IMAGE.manifest, descriptor: { ...IMAGE.descriptor, mediaType: OCI_MANIFEST } };
  await expect(sink.commit(top)).rejects.toMatchObject({ code: "transport/unsupported" });
});
