import { expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { encodeTar } from "../image/layer/encode-tar.ts";
import { startTestRegistry } from "../testing/registry/start-test-registry.ts";
import { assembleIndex } from "./assemble-index.ts";
import { buildImage } from "./build-image.ts";
import { copyImages } from "./copy-images.ts";
import type { BuildImageInput } from "./engine-calls.ts";
import { fetchImage } from "./fetch-image.ts";
import { planTrustAdd } from "./plan-trust-add.ts";
import { signImage } from "./sign-image.ts";
import { aPublisher, openTestWorld, type TestWorld } from "./test-world.suite.ts";

const PLAIN: Omit<BuildImageInput, "destination"> = {
  add: [],
  addTar: [],
  edits: {},
  annotations: {},
  platforms: ["linux/amd64"],
  compression: "gzip",
};

/** Sources as two builders might have them: same content, other modes and times. */
function sources(world: TestWorld, variant: number): string {
  const dir = `${world.dir}/src${variant}`;
  if (existsSync(dir)) return dir;
  mkdirSync(`${dir}/sub`, { recursive: true });
  writeFileSync(`${dir}/app`, "#!/bin/sh\n");
  chmodSync(`${dir}/app`, variant === 0 ? 0o755 : 0o775);
  writeFileSync(`${dir}/sub/data`, "data");
  chmodSync(`${dir}/sub/data`, variant === 0 ? 0o644 : 0o664);
  symlinkSync("sub/data", `${dir}/link`);
  utimesSync(`${dir}/app`, 1000 + variant, 1000 + variant);
  writeFileSync(
    `${dir}.tar.gz`,
    gzipSync(
      encodeTar([
        { path: "etc/conf", content: "c", uid: 7, modeOctal: 0o600, xattrs: { "user.a": "b" } },
        { path: "etc/twin", kind: "hardlink", linkTarget: "etc/conf" },
      ]),
    ),
  );
  return dir;
}

function documentOf(world: TestWorld, digest: string): { readonly [field: string]: unknown } {
  return JSON.parse(readFileSync(`${world.dir}/root/images/blobs/sha256/${digest.slice(7)}`, "utf8"));
}

test("buildImage() gives the same digest from the same content, whatever modes, times and accounts the builder has", async () => {
  using world = openTestWorld(["image"]);
  const digests: string[] = [];
  for (const variant of [0, 1]) {
    const dir = sources(world, variant);
    const built = await buildImage(world.with({ insecure: ["image"], env: { SOURCE_DATE_EPOCH: "1700000000" } }), {
      ...PLAIN,
      add: [`${dir}:/opt/app:1000:1000`, `${dir}/app:/usr/bin/`],
      addTar: [`${dir}.tar.gz:/srv`],
      edits: { entrypoint: ["/usr/bin/app"], env: ["A=1"], labels: { z: "1", a: "2" } },
      destination: "localhost/app",
    });
    digests.push(built.digest);
  }
  expect(digests[0]).toBe(digests[1] ?? "");
  expect(world.ctx.images.getRef("localhost/app:latest")?.descriptor.digest).toBe(digests[0] as never);
  const { layers, config } = documentOf(world, digests[0] ?? "") as {
    layers: { digest: string }[];
    config: { digest: string };
  };
  const listing = Bun.spawnSync([
    "tar",
    "-tvz",
    "--numeric-owner",
    "--utc",
    "-f",
    `${world.dir}/root/images/blobs/sha256/${layers[0]?.digest.slice(7)}`,
  ]);
  const lines = listing.stdout
    .toString()
    .trim()
    .split("\n")
    .map((line) => line.replace(/\s+/g, " "));
  expect(lines.every((line) => line.includes("2023-11-14 22:13"))).toBe(true);
  expect(lines.map((line) => line.replace(/ \d+ 2023-11-14 22:13/, ""))).toEqual([
    "drwxr-xr-x 0/0 opt/",
    "drwxr-xr-x 1000/1000 opt/app/",
    "-rwxr-xr-x 1000/1000 opt/app/app",
    "lrwxrwxrwx 1000/1000 opt/app/link -> sub/data",
    "drwxr-xr-x 1000/1000 opt/app/sub/",
    "-rw-r--r-- 1000/1000 opt/app/sub/data",
    "drwxr-xr-x 0/0 srv/",
    "drwxr-xr-x 0/0 srv/etc/",
    "-rw------- 7/0 srv/etc/conf",
    "drwxr-xr-x 0/0 usr/",
    "drwxr-xr-x 0/0 usr/bin/",
    "-rwxr-xr-x 0/0 usr/bin/app",
    "hrw-r--r-- 0/0 srv/etc/twin link to srv/etc/conf",
  ]);
  expect(documentOf(world, config.digest)).toMatchObject({
    created: "2023-11-14T22:13:20Z",
    config: { Entrypoint: ["/usr/bin/app"], Env: ["A=1"], Labels: { a: "2", z: "1" } },
  });
});

test("buildImage() builds upon a base: its layers, unknown fields and directories stay, a new entrypoint drops its command", async () => {
  using world = openTestWorld(["image"]);
  const dir = sources(world, 0);
  const base = await buildImage(world.ctx, {
    ...PLAIN,
    add: [`${dir}:/usr`],
    edits: { cmd: ["old"], env: ["A=1", "B=2"], user: "9" },
    destination: `oci-archive:${world.dir}/base.tar:example.com/base:1`,
  });
  const image = `oci-archive:${world.dir}/base.tar:example.com/base:1`;
  const built = await buildImage(world.ctx, {
    ...PLAIN,
    from: image,
    add: [`${dir}/app:/usr/sub/new`],
    edits: { entrypoint: ["/usr/app"], env: ["A=3"] },
    destination: "localhost/derived:2",
  });
  const manifest = documentOf(world, built.digest) as {
    layers: { digest: string }[];
    config: { digest: string };
    annotations: object;
  };
  expect(manifest.layers).toHaveLength(2);
  expect(manifest.annotations).toEqual({
    "org.opencontainers.image.base.name": "example.com/base:1",
    "org.opencontainers.image.base.digest": base.digest,
  });
  const config = documentOf(world, manifest.config.digest) as { config: object; history: object[] };
  expect(config.config).toEqual({ User: "9", Env: ["A=3", "B=2"], Entrypoint: ["/usr/app"] });
  expect(config.history).toHaveLength(2);
  const listing = Bun.spawnSync([
    "tar",
    "-tzf",
    `${world.dir}/root/images/blobs/sha256/${manifest.layers[1]?.digest.slice(7)}`,
  ]);
  expect(listing.stdout.toString()).toBe("usr/sub/new\n"); // what is above it is in the base
});

test("buildImage() of several platforms is an index that runs as the part for each; image index puts parts together, too", async () => {
  using world = openTestWorld(["image"]);
  const dir = sources(world, 0);
  const platforms = ["linux/arm64", "linux/amd64"];
  const built = await buildImage(world.ctx, {
    ...PLAIN,
    platforms,
    add: [`${dir}:/x`],
    destination: "localhost/multi:1",
  });
  expect(built.images.map(({ platform }) => platform)).toEqual(platforms);
  for (const { platform, digest } of built.images) {
    const ready = await fetchImage(world.ctx, { image: "localhost/multi:1", platform, pullPolicy: "never" });
    expect(String(ready.manifest.digest)).toBe(digest);
  }
  for (const platform of platforms) {
    const destination = `oci-archive:${world.dir}/${platform.slice(6)}.tar`;
    await buildImage(world.ctx, { ...PLAIN, platforms: [platform], add: [`${dir}:/x`], destination });
  }
  const images = ["arm64", "amd64"].map((name) => `oci-archive:${world.dir}/${name}.tar`);
  const index = await assembleIndex(world.ctx, { images, annotations: {}, destination: `oci:${world.dir}/layout:a` });
  expect(index.digest).toBe(built.digest);
  const twice = assembleIndex(world.ctx, {
    images: [...images, "localhost/multi:1"],
    annotations: {},
    destination: "localhost/i",
  });
  expect((await twice).images).toHaveLength(2);
  const [copied] = await copyImages(world.ctx, {
    images: ["localhost/multi:1"],
    destination: `oci-archive:${world.dir}/all.tar`,
    platforms: [],
  });
  expect(copied?.digest).toBe(built.digest);
});

test("buildImage() refuses malformed additions, unusable sources, and places it cannot write, before or without leaving anything", async () => {
  using world = openTestWorld(["image"]);
  const dir = sources(world, 0);
  Bun.spawnSync(["mkfifo", `${dir}/pipe`]);
  writeFileSync(`${dir}/.wh.x`, "");
  const build = (change: Partial<BuildImageInput>) =>
    buildImage(world.ctx, { ...PLAIN, destination: "localhost/app", ...change });
  for (const add of [
    "x",
    "x:y",
    "x:/y:1",
    "x:/y:a:b",
    "x:/y:1:1:999",
    "x:/../y",
    "x:/a/.wh.b",
    `${dir}/none:/x`,
    `${dir}/pipe:/x`,
    `${dir}:/x`,
  ]) {
    await expect(build({ add: [add] })).rejects.toThrowCode("engine/bad-input");
  }
  writeFileSync(`${dir}.bad`, "no tar".repeat(200));
  await expect(build({ addTar: [`${dir}.bad`] })).rejects.toThrowCode("image/bad-layer");
  await expect(build({ addTar: ["/nonexistent.tar"] })).rejects.toThrowCode("sys/not-found");
  await expect(build({ destination: "app" })).rejects.toThrowCode("image/bad-reference");
  await expect(build({ destination: "https://example.com/x" })).rejects.toThrowCode("engine/bad-input");
  await expect(build({ edits: { exposedPorts: ["99999"] } })).rejects.toThrowCode("image/bad-config");
  expect(world.ctx.images.listRefs()).toEqual([]);
  expect(world.ctx.root.list("tmp")).toEqual([]);
});

test("an image built here runs once it is signed by a key this host trusts for its name, and is pushed with its signature", async () => {
  using world = openTestWorld();
  await using registry = await startTestRegistry();
  const { ctx } = world;
  const [key, stranger] = [await aPublisher(), await aPublisher()];
  writeFileSync(`${world.dir}/private.asc`, key.privateKey);
  writeFileSync(`${world.dir}/stranger.asc`, stranger.privateKey);
  writeFileSync(`${world.dir}/public.asc`, key.publicKey);
  const scope = { kind: "prefix", prefix: "localhost/mine" } as const;
  await (await planTrustAdd(ctx, { key: `${world.dir}/public.asc`, scope })).add();
  const build = (destination: string) =>
    buildImage(ctx, {
      ...PLAIN,
      platforms: ["linux/amd64", "linux/arm64"],
      add: [`${sources(world, 0)}:/x`],
      destination,
    });
  await build("localhost/mine:1");
  const use = (image: string) => fetchImage(ctx, { image, platform: "linux/arm64", pullPolicy: "never" });
  await expect(use("localhost/mine:1")).rejects.toThrowCode("trust/no-record");
  const sign = (image: string, keyName: string) => signImage(ctx, { image, keyFile: `${world.dir}/${keyName}.asc` });
  await expect(sign("localhost/mine:1", "stranger")).rejects.toThrowCode("trust/unknown-key");
  await expect(use("localhost/mine:1")).rejects.toThrowCode("trust/no-record");
  expect((await sign("localhost/mine:1", "private")).fingerprint).toBe(key.fingerprint);
  expect((await use("localhost/mine:1")).record.acceptedBy).toMatchObject([{ fingerprint: key.fingerprint }]);
  const destination = `docker://${registry.host}/mine:1`;
  const [copied] = await copyImages(ctx, { images: ["localhost/mine:1"], destination, platforms: [] });
  expect(copied?.signatures).toBe(2);
  await build("localhost/other:1");
  await expect(sign("localhost/other:1", "private")).rejects.toThrowCode("trust/wrong-prefix");
  await expect(use("localhost/other:1")).rejects.toThrowCode("trust/no-record");
});
