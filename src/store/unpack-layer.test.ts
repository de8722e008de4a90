import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { gzipSync } from "node:zlib";
import { digestOf } from "../image/digest.ts";
import { encodeTar, type TarInput } from "../image/layer/encode-tar.ts";
import { OCI_LAYER, OCI_LAYER_GZIP } from "../image/media-types.ts";
import { parseConfig } from "../image/parse-config.ts";
import { parseManifest } from "../image/parse-manifest.ts";
import { openFiles } from "../sys/linux/files.ts";
import { lgetxattr } from "../sys/linux/xattr-calls.ts";
import { anImage, type BuiltImage } from "../testing/image-builder.ts";
import { openImageStore } from "./image-store.ts";
import type { RunUnpackJob } from "./stage-layer.ts";
import { type UnpackInput, type UnpackResult, unpackLayerJob } from "./unpack-layer.ts";
import { unpackLayers } from "./unpack-layers.ts";
import { DEFAULT_UNPACK_LIMITS } from "./unpack-limits.ts";
import type { UnpackedLayer } from "./unpacked-layer.ts";

let root = "";
beforeEach(() => {
  root = mkdtempSync(`${tmpdir()}/gantry-unpack-`);
  mkdirSync(`${root}/t`);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function unpack(entries: readonly TarInput[], change: Partial<UnpackInput> = {}): Promise<UnpackResult> {
  const tar = encodeTar(entries);
  if (change.blobPath === undefined) writeFileSync(`${root}/blob`, tar);
  const base = {
    blobPath: `${root}/blob`,
    mediaType: OCI_LAYER,
    diffId: digestOf(tar),
    targetDir: `${root}/t`,
    lowerDirs: [],
    limits: DEFAULT_UNPACK_LIMITS,
  };
  return unpackLayerJob({ ...base, ...change });
}

/** Owner rwx, group rwx, user 1000 rwx, mask rwx, others none. Spec: acl(5); the kernel's struct posix_acl_xattr, version 2. */
const DEFAULT_ACL = Uint8Array.from([
  ...[2, 0, 0, 0],
  ...[1, 0, 7, 0, 255, 255, 255, 255],
  ...[2, 0, 7, 0, 232, 3, 0, 0],
  ...[4, 0, 7, 0, 255, 255, 255, 255],
  ...[16, 0, 7, 0, 255, 255, 255, 255],
  ...[32, 0, 0, 0, 255, 255, 255, 255],
]);

const isOpaque = (path: string): boolean => lgetxattr(`${root}/t/${path}`, "trusted.overlay.opaque") !== undefined;
const isWhiteout = (path: string): boolean => lstatSync(`${root}/t/${path}`).isCharacterDevice();

describe.skipIf(process.getuid?.() !== 0)("unpackLayerJob()", () => {
  test("sets the time of a directory that is reached through a link of a lower layer", async () => {
    mkdirSync(`${root}/lower/real`, { recursive: true });
    symlinkSync("real", `${root}/lower/link`);
    await unpack([{ path: "link/dir", kind: "dir", modifiedAt: { seconds: 5, nanoseconds: 0 } }], {
      lowerDirs: [`${root}/lower`],
    });
    expect(statSync(`${root}/t/real/dir`).mtimeMs).toBe(5000);
  });
  test.each(["group", "acl"])(
    "gives files their own group and mode in a directory that hands on its %s",
    async (handed) => {
      const acl = { "system.posix_acl_default": DEFAULT_ACL };
      const shared = handed === "group" ? { modeOctal: 0o2775, gid: 50 } : { modeOctal: 0o755, xattrs: acl };
      await unpack([
        { path: "plain", content: "0", modeOctal: 0o644 },
        { path: "shared", kind: "dir", ...shared },
        { path: "shared/file", content: "1", modeOctal: 0o644 },
        { path: "shared/dir", kind: "dir", modeOctal: 0o755 },
        { path: "shared/link", kind: "symlink", linkTarget: "file" },
        { path: "shared/deep/er", content: "2", modeOctal: 0o604 },
      ]);
      const seen = ["plain", "shared", "shared/file", "shared/dir", "shared/link", "shared/deep", "shared/deep/er"].map(
        (path) => {
          const { mode, uid, gid } = lstatSync(`${root}/t/${path}`);
          return `${path} ${(mode & 0o7777).toString(8)} ${uid}:${gid}`;
        },
      );
      expect(seen).toEqual([
        "plain 644 0:0",
        handed === "group" ? "shared 2775 0:50" : "shared 755 0:0",
        ...["shared/file 644 0:0", "shared/dir 755 0:0", "shared/link 777 0:0"],
        ...["shared/deep 755 0:0", "shared/deep/er 604 0:0"],
      ]);
    },
  );
  test("gives files their own mode whatever the umask", async () => {
    const before = process.umask(0o077);
    try {
      await unpack([
        { path: "file", content: "1", modeOctal: 0o666 },
        { path: "dir", kind: "dir", modeOctal: 0o755 },
        { path: "secret", content: "1", modeOctal: 0o400 },
        { path: "setuid", content: "1", modeOctal: 0o4755 },
      ]);
    } finally {
      process.umask(before);
    }
    const modes = ["file", "dir", "secret", "setuid"].map((path) => statSync(`${root}/t/${path}`).mode & 0o7777);
    expect(modes).toEqual([0o666, 0o755, 0o400, 0o4755]);
  });
  test("keeps a file from a whiteout of its name, in either order", async () => {
    await unpack([
      { path: "a", content: "1" },
      { path: ".wh.a" },
      { path: ".wh.b" },
      { path: "b", content: "2" },
      { path: ".wh.c" },
    ]);
    expect(readFileSync(`${root}/t/a`, "utf8") + readFileSync(`${root}/t/b`, "utf8")).toBe("12");
    expect(isWhiteout("c")).toBe(true);
  });
  test("makes a directory with a whiteout of its name opaque, in either order", async () => {
    await unpack([
      { path: "a", kind: "dir" },
      { path: ".wh.a" },
      { path: ".wh.b" },
      { path: "b", kind: "dir" },
      { path: ".wh.c" },
      { path: "c/f" },
      { path: "d/.wh..wh..opq" },
      { path: "e", kind: "dir" },
    ]);
    expect(["a", "b", "c", "d", "e"].map(isOpaque)).toEqual([true, true, true, true, false]);
  });
  test("lets later members replace earlier ones of every kind", async () => {
    await unpack([
      { path: "x/deep/f" },
      { path: "x", content: "file" },
      { path: "y", content: "f" },
      { path: "y/", kind: "dir" },
      { path: "z", kind: "symlink", linkTarget: "x" },
      { path: "z", content: "own" },
    ]);
    expect(readFileSync(`${root}/t/x`, "utf8")).toBe("file");
    expect(isOpaque("y")).toBe(true);
    expect(readFileSync(`${root}/t/z`, "utf8")).toBe("own");
  });
  test("keeps links of the layer inside the layer", async () => {
    mkdirSync(`${root}/outside`);
    await unpack([
      { path: "abs", kind: "symlink", linkTarget: `${root}/outside` },
      { path: "up", kind: "symlink", linkTarget: "../../../../outside" },
      { path: "abs/f", content: "1" },
      { path: "up/g", content: "2" },
    ]);
    expect(existsSync(`${root}/outside/f`) || existsSync(`${root}/outside/g`)).toBe(false);
    expect(readFileSync(`${root}/t${root}/outside/f`, "utf8")).toBe("1");
    expect(readFileSync(`${root}/t/outside/g`, "utf8")).toBe("2");
  });
  test("never lets an image set overlay attributes or own whiteout devices", async () => {
    await unpack([{ path: "d", kind: "dir", xattrs: { "trusted.overlay.redirect": "/etc", "user.fine": "1" } }]);
    expect(lgetxattr(`${root}/t/d`, "trusted.overlay.redirect")).toBeUndefined();
    expect(lgetxattr(`${root}/t/d`, "user.fine")).toBeDefined();
  });

  const bad: readonly (readonly [string, readonly TarInput[]])[] = [
    ["a path that leads out", [{ path: "../x" }]],
    ["a link to a file that is nowhere", [{ path: "a", kind: "hardlink", linkTarget: "b" }]],
    ["a hard link that leads out", [{ path: "a", kind: "hardlink", linkTarget: "../../etc/passwd" }]],
    [
      "a hard link through a link to the host",
      [
        { path: "e", kind: "symlink", linkTarget: "/etc" },
        { path: "a", kind: "hardlink", linkTarget: "e/passwd" },
      ],
    ],
    [
      "a hard link to a directory",
      [
        { path: "d", kind: "dir" },
        { path: "a", kind: "hardlink", linkTarget: "d" },
      ],
    ],
    ["a file used as directory", [{ path: "f" }, { path: "f/x" }]],
    [
      "a loop of links",
      [
        { path: "a", kind: "symlink", linkTarget: "b" },
        { path: "b", kind: "symlink", linkTarget: "a" },
        { path: "a/x" },
      ],
    ],
    ["the whiteout device itself", [{ path: "n", kind: "char" }]],
    ["a device number out of range", [{ path: "n", kind: "block", devMajor: 4096 }]],
    ["a root that is a file", [{ path: "." }]],
  ];
  for (const [name, entries] of bad) {
    test(`refuses ${name}`, () => expect(unpack(entries)).toThrowCode("image/bad-layer"));
  }

  test("refuses another diffID, a bomb, damage and other types", async () => {
    await expect(unpack([{ path: "a" }], { diffId: digestOf("other") })).toThrowCode("store/content-mismatch");
    const packed = gzipSync(encodeTar([{ path: "zeros", content: new Uint8Array(5_000_000) }]));
    writeFileSync(`${root}/packed`, packed);
    const gzip = { blobPath: `${root}/packed`, mediaType: OCI_LAYER_GZIP };
    await expect(unpack([], { ...gzip, limits: { maxUnpackedBytes: 1_000_000, maxEntries: 10 } })).toThrowCode(
      "image/too-large",
    );
    for (const damaged of [
      packed.subarray(0, -20),
      Buffer.concat([packed, Buffer.from("more")]),
      Buffer.from("no gzip"),
    ]) {
      writeFileSync(`${root}/packed`, damaged);
      rmSync(`${root}/t`, { recursive: true });
      mkdirSync(`${root}/t`);
      await expect(unpack([], gzip)).toThrowCode("image/bad-layer");
    }
    await expect(unpack([], { mediaType: "application/vnd.oci.image.layer.v1.tar+encrypted" })).toThrowCode(
      "image/unsupported-media-type",
    );
  });

  test("asks for parents it does not have yet", async () => {
    const { lowerDirs: _, ...rest } = { lowerDirs: [], limits: DEFAULT_UNPACK_LIMITS, mediaType: OCI_LAYER };
    const tar = encodeTar([{ path: "in/parent" }]);
    writeFileSync(`${root}/blob`, tar);
    expect(
      await unpackLayerJob({ ...rest, blobPath: `${root}/blob`, diffId: digestOf(tar), targetDir: `${root}/t` }),
    ).toEqual({ kind: "needs-parents" });
  });
});

describe.skipIf(process.getuid?.() !== 0)("unpackLayers()", () => {
  async function unpackImage(image: BuiltImage, runJob: RunUnpackJob = unpackLayerJob): Promise<UnpackedLayer[]> {
    const files = openFiles(`${root}/store`);
    const store = openImageStore(files, { nowMs: () => 0 });
    for (const [digest, bytes] of image.blobs) await store.putBlob({ digest, sizeBytes: bytes.byteLength }, [bytes]);
    return unpackLayers(
      { files, runJob, maxParallel: 4 },
      { manifest: parseManifest(image.manifest, image.descriptor.mediaType), config: parseConfig(image.config) },
    );
  }
  const base = anImage().withLayer([
    { path: "d", kind: "dir", modeOctal: 0o700, uid: 5 },
    { path: "d/f", content: "1" },
  ]);

  test("unpacks each layer once for concurrent users", async () => {
    const all = await Promise.all(Array.from({ length: 6 }, () => unpackImage(base.build())));
    expect(new Set(all.flat().map((layer) => statSync(layer.dir).ino)).size).toBe(1);
    expect(openFiles(`${root}/store`).list("tmp")).toEqual([]);
  });
  test("keeps a layer that needs its parents apart for each chain", async () => {
    const onTop = [{ path: "d/new" }, { path: "link", kind: "hardlink", linkTarget: "d/f" }] as const;
    const [, top] = await unpackImage(base.withLayer(onTop).build());
    const other = anImage().withLayer([
      { path: "d", kind: "dir", modeOctal: 0o711 },
      { path: "d/f", content: "2" },
    ]);
    const [, otherTop] = await unpackImage(other.withLayer(onTop).build());
    expect(top?.name).toContain("+");
    expect(statSync(`${top?.dir}/d`).mode & 0o777).toBe(0o700);
    expect(statSync(`${otherTop?.dir}/d`).mode & 0o777).toBe(0o711);
    expect(readFileSync(`${otherTop?.dir}/link`, "utf8")).toBe("2");
    expect(statSync(`${otherTop?.dir}/link`).nlink).toBe(2);
  });
  test("leaves nothing behind when a layer is refused", async () => {
    await expect(unpackImage(base.withLayer([{ path: "../out" }]).build())).toThrowCode("image/bad-layer");
    expect(openFiles(`${root}/store`).list("tmp")).toEqual([]);
    expect(openFiles(`${root}/store`).list("layers")).toHaveLength(1);
  });
});
