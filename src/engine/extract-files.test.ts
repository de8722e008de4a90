import { expect, test } from "bun:test";
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { anImage, encodeArchive } from "../testing/image-builder.ts";
import { extractFiles, renderImage } from "./extract-files.ts";
import { fetchImage } from "./fetch-image.ts";
import { inspectImage } from "./inspect-image.ts";
import { openTestWorld, type TestWorld } from "./test-world.suite.ts";

const IMAGE = anImage()
  .withLayer([
    { path: "etc", kind: "dir" },
    { path: "etc/os-release", kind: "symlink", linkTarget: "../usr/lib/os-release" },
    { path: "usr", kind: "dir" },
    { path: "usr/lib", kind: "dir", modeOctal: 0o711 },
    { path: "usr/lib/os-release", content: "NAME=x" },
    { path: "usr/su", content: "s", modeOctal: 0o4755, uid: 5, gid: 6 },
    { path: "usr/su2", kind: "hardlink", linkTarget: "usr/su" },
    { path: "usr/gone", content: "" },
    { path: "usr/old", kind: "dir" },
    { path: "usr/old/hidden", content: "" },
    { path: "evil", kind: "symlink", linkTarget: "../../../../../../etc/hostname" },
    { path: "ring", kind: "symlink", linkTarget: "ring" },
    { path: "dev", kind: "dir" },
    { path: "dev/null", kind: "char", devMajor: 1, devMinor: 3 },
  ])
  .withLayer([
    { path: "usr/.wh.gone", content: "" },
    { path: "usr/old", kind: "dir" },
    { path: "usr/old/.wh..wh..opq", content: "" },
    { path: "usr/old/new", content: "n" },
  ])
  .withConfig({ env: ["A=1"], entrypoint: ["/bin/x"], labels: { a: "b" } })
  .build();

async function store(world: TestWorld): Promise<void> {
  writeFileSync(`${world.dir}/app.tar`, encodeArchive(IMAGE, "localhost/app:1"));
  await fetchImage(world.ctx, { image: `oci-archive:${world.dir}/app.tar:localhost/app:1`, pullPolicy: "update" });
}

test("extractFiles() follows links inside the image only, gives plain files, and replaces nothing", async () => {
  using world = openTestWorld(["image"]);
  await store(world);
  const directory = `${world.dir}/out`;
  const extract = (...paths: string[]) => extractFiles(world.ctx, { image: "localhost/app:1", paths, directory });
  const done = await extract("/etc/os-release", "usr", "dev");
  expect(readFileSync(`${directory}/os-release`, "utf8")).toBe("NAME=x");
  expect(lstatSync(`${directory}/usr/su`).mode & 0o7777).toBe(0o755);
  expect(lstatSync(`${directory}/usr/su`).uid).toBe(process.getuid?.() ?? 0);
  expect(lstatSync(`${directory}/usr/su`).ino).toBe(lstatSync(`${directory}/usr/su2`).ino);
  expect(readdirSync(`${directory}/usr`).sort()).toEqual(["lib", "old", "su", "su2"]);
  expect(readdirSync(`${directory}/usr/old`)).toEqual(["new"]);
  expect(done.skipped).toEqual(["dev/null: a device, pipe or socket"]);
  await expect(extract("usr")).rejects.toThrowCode("engine/bad-input");
  await expect(extract("/")).rejects.toThrowCode("engine/bad-input");
  await expect(extract("/evil")).rejects.toThrowCode("store/not-found");
  await expect(extract("/usr/gone")).rejects.toThrowCode("store/not-found");
  await expect(extract("/ring")).rejects.toThrowCode("image/bad-layer");
  expect(readdirSync(directory).sort()).toEqual(["dev", "os-release", "usr"]);
});

test("renderImage() writes the whole root with every attribute, whole or not at all", async () => {
  using world = openTestWorld(["image"]);
  await store(world);
  const directory = `${world.dir}/rootfs`;
  await renderImage(world.ctx, { image: "localhost/app:1", directory });
  expect(readdirSync(directory).sort()).toEqual(["dev", "etc", "evil", "ring", "usr"]);
  const su = lstatSync(`${directory}/usr/su`);
  expect([su.mode & 0o7777, su.uid, su.gid, su.nlink]).toEqual([0o4755, 5, 6, 2]);
  expect(lstatSync(`${directory}/usr/lib`).mode & 0o7777).toBe(0o711);
  expect(lstatSync(`${directory}/dev/null`).rdev).toBe(0x103);
  expect(readlinkSync(`${directory}/evil`)).toBe("../../../../../../etc/hostname");
  await expect(renderImage(world.ctx, { image: "localhost/app:1", directory })).rejects.toThrowCode("engine/bad-input");
  await expect(renderImage(world.ctx, { image: "localhost/none", directory: `${directory}2` })).rejects.toThrowCode(
    "store/not-found",
  );
  expect(existsSync(`${directory}2`)).toBe(false);
});

test("inspectImage() tells the same of a stored image and of its archive, and gives documents byte for byte", async () => {
  using world = openTestWorld(["image"]);
  await store(world);
  const summaries = [];
  for (const image of ["localhost/app:1", `oci-archive:${world.dir}/app.tar`]) {
    const found = await inspectImage(world.ctx, { image });
    if (!("summary" in found)) throw new Error("no summary");
    const { place: _place, name: _name, ...same } = found.summary;
    summaries.push(same);
    expect(await inspectImage(world.ctx, { image, document: "raw" })).toEqual({
      document: Buffer.from(IMAGE.manifest),
    });
    expect(await inspectImage(world.ctx, { image, document: "config" })).toEqual({
      document: Buffer.from(IMAGE.config),
    });
  }
  expect(summaries[0]).toEqual(summaries[1] as never);
  expect(summaries[0]).toMatchObject({
    digest: IMAGE.descriptor.digest,
    config: { entrypoint: ["/bin/x"], env: ["A=1"] },
  });
});
