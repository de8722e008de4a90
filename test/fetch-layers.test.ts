import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { anImage, type BuiltImage, seededBytes } from "../src/testing/image-builder.ts";
import { publish } from "./harness/publish.ts";
import { startServices } from "./harness/services.ts";
import { createWorld, type World } from "./harness/world.ts";

// Layers are unpacked while they arrive: large ones in a process of their own, small ones in the fetching process.
const TIMEOUT_MS = 120_000;
const LOOSE = ["--insecure-options=image"];
const LARGE = seededBytes(7, 6 * 1024 * 1024);

function image(): BuiltImage {
  return anImage()
    .withLayer([{ path: "data", kind: "dir", modeOctal: 0o750, uid: 7, gid: 8 }])
    .withLayer([
      { path: "data", kind: "dir", modeOctal: 0o750, uid: 7, gid: 8 },
      { path: "data/large", content: LARGE },
    ])
    .withLayer([{ path: "data/needs-its-parent", content: "below a directory of another layer\n" }], "zstd")
    .withLayer([{ path: "small", content: "small\n" }], "none")
    .build();
}

const fetchArgs = (digestOrTag: string): string[] => [...LOOSE, "fetch", digestOrTag];

/** SHA-256 of a file in one of the unpacked layers. */
function unpacked(world: World, path: string): string | undefined {
  const layers = join(world.root, "layers");
  const found = names(layers)
    .map((layer) => join(layers, layer, "tree", path))
    .find((file) => existsSync(file));
  return found === undefined ? undefined : sha256(readFileSync(found));
}

function sha256(bytes: Uint8Array | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function names(dir: string): string[] {
  return existsSync(dir) ? readdirSync(dir) : [];
}

test(
  "fetch: two at once download and unpack every layer once",
  async () => {
    await using world = await createWorld();
    const { registry } = await startServices(world);
    const built = image();
    publish(registry, built, { name: "app", tag: "1" });
    const name = `docker://${registry.host}/app:1`;
    const both = await Promise.all([world.gantry(fetchArgs(name)), world.gantry(fetchArgs(name))]);
    expect(both.map((one) => one.exitCode)).toEqual([0, 0]);
    for (const { digest } of built.layers) {
      const gets = registry.requests.filter((one) => one.method === "GET" && one.url.pathname.endsWith(digest));
      expect([digest, gets.length]).toEqual([digest, 1]);
    }
    expect(unpacked(world, "data/large")).toBe(sha256(LARGE));
    expect(unpacked(world, "data/needs-its-parent")).toBe(sha256("below a directory of another layer\n"));
    expect(unpacked(world, "small")).toBe(sha256("small\n"));
    expect(names(join(world.root, "layers")).length).toBe(4);
    expect([names(join(world.root, "tmp")), names(join(world.root, "partial"))]).toEqual([[], []]);
  },
  TIMEOUT_MS,
);

test(
  "fetch: a download that breaks off goes on where it was, and so does its unpacking",
  async () => {
    await using world = await createWorld();
    const { registry } = await startServices(world);
    const built = image();
    publish(registry, built, { name: "app", tag: "1" });
    const large = built.layers[1]?.digest ?? "";
    registry.addFault({ match: large, method: "GET", times: 2, does: { kind: "cut", afterBytes: 2_000_000 } });
    await world.succeed(fetchArgs(`docker://${registry.host}/app:1`));
    const gets = registry.requests.filter((one) => one.method === "GET" && one.url.pathname.endsWith(large));
    expect(gets.map((one) => one.headers.get("range") !== null)).toEqual([false, true, true]);
    expect(unpacked(world, "data/large")).toBe(sha256(LARGE));
  },
  TIMEOUT_MS,
);

test(
  "fetch: nothing is visible of a layer that is not what its digest or its diffID says",
  async () => {
    await using world = await createWorld();
    const { registry } = await startServices(world);
    const built = image();
    publish(registry, built, { name: "app", tag: "1" });
    const [, large] = built.layers;
    registry.addFault({ match: large?.digest ?? "", method: "GET", does: { kind: "flip-byte" } });
    const flipped = await world.gantry(fetchArgs(`docker://${registry.host}/app:1`));
    expect([flipped.exitCode, flipped.stderr.includes("other bytes")]).toEqual([2, true]);
    expect(unpacked(world, "data/large")).toBeUndefined();
    expect(existsSync(join(world.root, "images/blobs", large?.digest.replace(":", "/") ?? ""))).toBe(false);
    expect(names(join(world.root, "tmp"))).toEqual([]);
    registry.clearFaults();

    // The layers of one image under the configuration of another: every blob is genuine, their content is not.
    const other = anImage()
      .withLayer([{ path: "other", content: seededBytes(9, 6 * 1024 * 1024) }])
      .build();
    const manifest = JSON.parse(new TextDecoder().decode(other.manifest));
    manifest.layers = [{ mediaType: large?.mediaType, digest: large?.digest, size: large?.sizeBytes }];
    publish(registry, other, { name: "app", tag: "other" });
    registry.content.putManifest("app", {
      raw: JSON.stringify(manifest),
      mediaType: other.descriptor.mediaType,
      tag: "mixed",
    });
    const mixed = await world.gantry(fetchArgs(`docker://${registry.host}/app:mixed`));
    expect([mixed.exitCode, mixed.stderr.includes("has the digest")]).toEqual([2, true]);
    expect([unpacked(world, "data/large"), names(join(world.root, "tmp"))]).toEqual([undefined, []]);
    await world.succeed(fetchArgs(`docker://${registry.host}/app:1`));
    expect(unpacked(world, "data/large")).toBe(sha256(LARGE));
  },
  TIMEOUT_MS,
);
