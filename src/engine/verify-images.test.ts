import { expect, test } from "bun:test";
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readdirSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { encodeTar } from "../image/layer/encode-tar.ts";
import { putRegistryImage } from "../testing/registry/registry-image.ts";
import { startTestRegistry, type TestRegistry } from "../testing/registry/start-test-registry.ts";
import { checkStoreContent } from "./check-store-content.ts";
import { fetchImage } from "./fetch-image.ts";
import { gcImages } from "./gc-images.ts";
import { listImages } from "./list-images.ts";
import { pinImages, unpinImages } from "./pin-images.ts";
import { removeImages } from "./remove-images.ts";
import { openTestWorld, type TestWorld } from "./test-world.suite.ts";
import { verifyImages } from "./verify-images.ts";

const LAYER = encodeTar([
  { path: "dir", kind: "dir" },
  { path: "dir/a", content: "aaaa", modeOctal: 0o600 },
  { path: "dir/b", content: "bbbb" },
  { path: "link", kind: "symlink", linkTarget: "dir/a" },
]);

async function fetched(world: TestWorld, registry: TestRegistry) {
  const put = putRegistryImage(registry.content, { name: "app", tag: "1", layer: LAYER });
  const image = `docker://${registry.host}/app:1`;
  const ready = await fetchImage(world.ctx, { image, pullPolicy: "update" });
  const blob = (digest: string) => `${world.dir}/root/images/blobs/sha256/${digest.slice(7)}`;
  return { put, blob, name: ready.name, tree: ready.layers[0]?.dir ?? "" };
}

test("verifyImages() finds every way a blob or an unpacked file can differ, names it, and repairs it", async () => {
  using world = openTestWorld(["image", "http"]);
  await using registry = await startTestRegistry();
  const { put, blob, tree, name } = await fetched(world, registry);
  const verify = (repair: boolean) => verifyImages(world.ctx, { images: [], repair });
  expect(await verify(false)).toMatchObject([{ name, isGood: true, blobs: 3, layers: 1, problems: [] }]);

  chmodSync(`${tree}/dir/a`, 0o644);
  writeFileSync(`${tree}/dir/b`, "bbbX");
  writeFileSync(`${tree}/dir/extra`, "x");
  rmSync(`${tree}/link`);
  const problems = (await verify(false))[0]?.problems.map(({ problem }) => problem) ?? [];
  expect(problems).toContain("/dir/a: has mode 0644, not 0600");
  expect(problems).toContain("/dir/b: has other content");
  expect(problems).toContain("/dir/extra: should not be there");
  expect(problems).toContain("/link: is missing");
  expect((await verify(true))[0]).toMatchObject({ isGood: true });
  expect((await verify(false))[0]?.problems).toEqual([]);

  for (const digest of [put.layer, put.config, put.manifest]) {
    truncateSync(blob(digest), 1);
    expect((await verify(false))[0]).toMatchObject({ isGood: false });
    expect((await verify(true))[0]?.problems).toMatchObject([{ what: digest, repair: "repaired" }]);
    rmSync(blob(digest));
    expect((await verify(true))[0]?.isGood).toBe(true);
    expect((await verify(false))[0]?.problems).toEqual([]);
  }
});

test("verifyImages() says why what it cannot repair stays damaged", async () => {
  using world = openTestWorld(["image", "http"]);
  const registry = await startTestRegistry();
  const { put, blob } = await fetched(world, registry);
  await registry[Symbol.asyncDispose]();
  truncateSync(blob(put.layer), 3);
  const [verified] = await verifyImages(world.ctx, { images: [], repair: true });
  expect(verified?.isGood).toBe(false);
  expect(verified?.problems[0]?.repair).toBe("failed");
  expect(verified?.problems[0]?.reason).toContain("registry");
}, 60_000);

test("checkStoreContent() tells leftovers, damage and dangling names after a power cut, and repairs them all", async () => {
  using world = openTestWorld(["image", "http"]);
  await using registry = await startTestRegistry();
  const { put, blob, name, tree } = await fetched(world, registry);
  const root = `${world.dir}/root`;
  const check = (repair: boolean) => checkStoreContent(world.ctx, { repair });
  expect((await check(false)).problems).toEqual([]);

  const old = new Date(Date.now() - 48 * 3_600_000);
  const leftovers = [`${root}/tmp/0123`, `${root}/partial/sha256-${"0".repeat(64)}`];
  for (const path of leftovers) {
    mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    writeFileSync(path, "half");
    utimesSync(path, old, old);
  }
  // Their change times are today: nobody can set those. So they are young, and stay.
  expect((await check(false)).problems).toEqual([]);
  const later = { ...world.ctx, clock: { nowMs: () => Date.now() + 48 * 3_600_000 } };
  const whatOf = async () => (await checkStoreContent(later, { repair: false })).problems.map(({ what }) => what);
  expect(await whatOf()).toEqual(["tmp/0123", `partial/sha256-${"0".repeat(64)}`]);
  await checkStoreContent(later, { repair: true });
  expect(await whatOf()).toEqual([]);

  const refFile = `${root}/refs/${readdirSync(`${root}/refs`)[0]}`;
  const meta = `${tree.slice(0, -"/tree".length)}/meta.json`;
  const damages: (() => void)[] = [
    () => truncateSync(blob(put.layer), 0),
    () => truncateSync(blob(put.manifest), 5),
    () => rmSync(blob(put.config)),
    () => truncateSync(meta, 0),
    () => rmSync(meta),
    () => rmSync(tree, { recursive: true }),
    () => truncateSync(`${root}/images/index.json`, 0),
    () => appendFileSync(`${root}/images/index.json`, " "),
    () => rmSync(`${root}/images/oci-layout`),
    () => writeFileSync(`${root}/images/blobs/sha256/no-blob`, ""),
  ];
  for (const damage of damages) {
    damage();
    expect((await check(false)).problems.length).toBeGreaterThan(0);
    await check(true);
    expect((await check(false)).problems).toEqual([]);
    await fetchImage(world.ctx, { image: `docker://${name}`, pullPolicy: "new" });
    expect((await check(false)).problems).toEqual([]);
  }
  truncateSync(refFile, 0);
  expect(await listImages(world.ctx)).toEqual([]);
  expect((await check(true)).problems[0]?.problem).toContain(name);
  expect((await check(false)).problems).toEqual([]);
  await fetchImage(world.ctx, { image: `docker://${name}`, pullPolicy: "new" });
}, 60_000);

test("pins keep an image from rm and gc, also when its name moved on; gc --unused spares them and the young", async () => {
  using world = openTestWorld(["image", "http"]);
  await using registry = await startTestRegistry();
  const { name, put } = await fetched(world, registry);
  const gc = (change: { readonly graceMs: number; readonly unused: boolean; readonly dryRun: boolean }) =>
    gcImages(world.ctx, change);
  await pinImages(world.ctx, { images: [name] });
  expect((await listImages(world.ctx))[0]).toMatchObject({ pinned: true });
  await expect(removeImages(world.ctx, { images: [name] })).rejects.toThrowCode("engine/image-in-use");
  expect((await gc({ graceMs: 0, unused: true, dryRun: false })).removedNames).toEqual([]);

  putRegistryImage(registry.content, { name: "app", tag: "1", layer: encodeTar([{ path: "other", content: "" }]) });
  await fetchImage(world.ctx, { image: `docker://${name}`, pullPolicy: "update" });
  await gc({ graceMs: 0, unused: false, dryRun: false });
  expect(world.ctx.images.hasBlob(put.manifest as never)).toBe(true);

  await expect(pinImages(world.ctx, { images: ["localhost/none"] })).rejects.toThrowCode("store/not-found");
  await unpinImages(world.ctx, { images: [put.manifest] });
  await expect(unpinImages(world.ctx, { images: [name] })).rejects.toThrowCode("engine/bad-input");
  expect((await gc({ graceMs: 3_600_000, unused: true, dryRun: false })).removedNames).toEqual([]);
  expect((await gc({ graceMs: -1000, unused: true, dryRun: true })).removedNames).toEqual([name]);
  expect((await gc({ graceMs: -1000, unused: true, dryRun: false })).removedNames).toEqual([name]);
  expect(await listImages(world.ctx)).toEqual([]);
  expect((await checkStoreContent(world.ctx, { repair: false })).problems).toEqual([]);
});
