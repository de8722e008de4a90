import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { digestOf } from "../image/digest.ts";
import { openFiles } from "../sys/linux/files.ts";
import { anImage, type BuiltImage } from "../testing/image-builder.ts";
import { type ImageStore, openImageStore } from "./image-store.ts";
import { partialPath } from "./store-paths.ts";

const FAR_FUTURE_MS = 4_000_000_000_000;
const CONTENT = Buffer.from("some content");
const WANT = { digest: digestOf(CONTENT), sizeBytes: CONTENT.length };

let root = "";
let store: ImageStore;
beforeEach(() => {
  root = mkdtempSync(`${tmpdir()}/gantry-store-`);
  store = openImageStore(openFiles(root), { nowMs: () => FAR_FUTURE_MS });
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

async function put(image: BuiltImage, name: string): Promise<void> {
  for (const [digest, bytes] of image.blobs) await store.putBlob({ digest, sizeBytes: bytes.byteLength }, [bytes]);
  await store.setRef(name, { descriptor: image.descriptor });
}

describe("ImageStore.putBlob()", () => {
  test("stores, reads back and is idempotent", async () => {
    await store.putBlob(WANT, [CONTENT.subarray(0, 3), CONTENT.subarray(3)]);
    await store.putBlob(WANT, []);
    expect(Buffer.from(store.readBlob(WANT, 100)).toString()).toBe("some content");
    expect(store.hasBlob(WANT.digest)).toBe(true);
  });
  const bad: readonly (readonly [string, readonly Uint8Array[]])[] = [
    ["short", [CONTENT.subarray(1)]],
    ["long", [CONTENT, CONTENT]],
    ["wrong", [Buffer.alloc(12)]],
  ];
  for (const [name, chunks] of bad) {
    test(`refuses ${name} content and leaves nothing`, async () => {
      await expect(store.putBlob(WANT, chunks)).toThrowCode("store/content-mismatch");
      expect(store.hasBlob(WANT.digest)).toBe(false);
      expect(store.files.list("tmp")).toEqual([]);
    });
  }
  test("reads at most one chunk too much of an endless source", async () => {
    let given = 0;
    const endless = function* () {
      for (;;) yield Buffer.alloc(10, ++given);
    };
    await expect(store.putBlob(WANT, endless())).toThrowCode("store/content-mismatch");
    expect(given).toBe(2);
  });
});

describe("ImageStore.readBlob()", () => {
  test("finds damage on disk", async () => {
    await store.putBlob(WANT, [CONTENT]);
    writeFileSync(store.blobPath(WANT.digest), "some c0ntent");
    expect(() => store.readBlob(WANT, 100)).toThrowCode("store/corrupt");
  });
  test("says what is missing or too large", async () => {
    expect(() => store.readBlob(WANT, 100)).toThrowCode("store/not-found");
    expect(() => store.blobPath(WANT.digest)).toThrowCode("store/not-found");
    await store.putBlob(WANT, [CONTENT]);
    expect(() => store.readBlob(WANT, 5)).toThrowCode("image/too-large");
  });
});

describe("ImageStore.openPartialBlob()", () => {
  test("goes on where the last attempt stopped", async () => {
    {
      using first = await store.openPartialBlob(WANT);
      first?.append(CONTENT.subarray(0, 5));
    }
    using second = await store.openPartialBlob(WANT);
    expect(second?.startAt).toBe(5);
    second?.append(CONTENT.subarray(5));
    second?.finish();
    expect(readFileSync(store.blobPath(WANT.digest), "utf8")).toBe("some content");
    expect(store.files.list("partial")).toEqual([]);
  });
  test("deletes what turned out wrong or too long", async () => {
    using partial = await store.openPartialBlob(WANT);
    partial?.append(Buffer.alloc(12));
    expect(() => partial?.finish()).toThrowCode("store/content-mismatch");
    expect(store.files.has(partialPath(WANT.digest))).toBe(false);
    partial?.restart();
    expect(() => partial?.append(Buffer.alloc(13))).toThrowCode("store/content-mismatch");
    expect(store.files.has(partialPath(WANT.digest))).toBe(false);
  });
  test("lets concurrent fetches download once", async () => {
    let downloads = 0;
    const fetchOnce = async (): Promise<void> => {
      using partial = await store.openPartialBlob(WANT);
      if (partial === undefined) return;
      downloads++;
      await Promise.resolve();
      partial.append(CONTENT);
      partial.finish();
    };
    await Promise.all(Array.from({ length: 8 }, fetchOnce));
    expect(downloads).toBe(1);
  });
});

describe("ImageStore names", () => {
  test("are listed, found by prefix and removed", async () => {
    const image = anImage()
      .withLayer([{ path: "a", content: "a" }])
      .build();
    await put(image, "example.com/app:1");
    await put(image, "example.com/app:2");
    const hex = image.descriptor.digest.slice(7);
    expect(store.getRef("example.com/app:1")?.descriptor).toEqual(image.descriptor);
    expect(store.findImage(hex.slice(0, 8))).toBe(image.descriptor.digest);
    expect(() => store.findImage(hex.slice(0, 7))).toThrowCode("store/not-found");
    expect(store.listImages()).toMatchObject([
      { digest: image.descriptor.digest, names: ["example.com/app:1", "example.com/app:2"], platform: "linux/amd64" },
    ]);
    await store.removeRef("example.com/app:1");
    await expect(store.removeRef("example.com/app:1")).toThrowCode("store/not-found");
    await expect(store.removeImage(image.descriptor.digest, { inUse: new Set([image.descriptor.digest]) })).toThrowCode(
      "store/in-use",
    );
    await store.removeImage(image.descriptor.digest);
    expect(store.listRefs()).toEqual([]);
  });
  test("say when a prefix means several images", async () => {
    const same = (end: string) => ({
      mediaType: "application/x",
      digest: digestOf("x").replace(/.$/, end),
      sizeBytes: 1,
      annotations: {},
    });
    for (const end of ["0", "1"])
      store.files.writeAtomic(
        `refs/${end}`,
        JSON.stringify({ name: end, importedAtMs: 1, descriptor: { ...same(end), size: 1 } }),
      );
    expect(() => store.findImage(digestOf("x").slice(7, 20))).toThrowCode("store/ambiguous");
  });
  test("report a damaged reference file", () => {
    store.files.writeAtomic("refs/x", "{");
    expect(() => store.listRefs()).toThrowCode("store/corrupt");
  });
  test.skipIf(Bun.which("skopeo") === null)("make the store readable for skopeo", async () => {
    await put(
      anImage()
        .withLayer([{ path: "a" }])
        .build(),
      "example.com/app:1",
    );
    const done = Bun.spawnSync(["skopeo", "inspect", `oci:${root}/images:example.com/app:1`]);
    expect(done.stderr.toString()).toBe("");
    expect(done.exitCode).toBe(0);
  });
});

describe("ImageStore.gcImages()", () => {
  test("keeps named and used images and removes the rest with its leftovers", async () => {
    const [named, used, old] = ["n", "u", "o"].map((path) => anImage().withLayer([{ path }]).build());
    if (named === undefined || used === undefined || old === undefined) return;
    for (const image of [named, used, old]) await put(image, `example.com/${image.descriptor.digest.slice(7, 15)}`);
    for (const image of [used, old]) await store.removeImage(image.descriptor.digest);
    store.files.writeAtomic(partialPath(WANT.digest), "half");
    store.files.createTempDir();
    const result = store.gcImages(() => ({ keepDigests: [used.descriptor.digest], graceMs: 1000 }));
    expect(result).toMatchObject({ blobs: 3, leftovers: 2 });
    for (const digest of [...named.blobs.keys(), ...used.blobs.keys()]) expect(store.hasBlob(digest)).toBe(true);
    for (const digest of old.blobs.keys()) expect(store.hasBlob(digest)).toBe(false);
  });
  test("touches nothing within the grace time", async () => {
    await store.putBlob(WANT, [CONTENT]);
    utimesSync(store.blobPath(WANT.digest), 1, 1);
    expect(store.gcImages(() => ({ keepDigests: [], graceMs: FAR_FUTURE_MS })).blobs).toBe(0);
    expect(store.gcImages(() => ({ keepDigests: [], graceMs: 0 })).blobs).toBe(1);
  });
  test("removes lock files of nobody and leaves held ones", async () => {
    const held = await store.openPartialBlob(WANT);
    (await store.openPartialBlob({ digest: digestOf("other"), sizeBytes: 5 }))?.[Symbol.dispose]();
    store.gcImages(() => ({ keepDigests: [], graceMs: 0 }));
    expect(store.files.list("locks").filter((name) => name.startsWith("blob-"))).toEqual([
      `blob-sha256-${WANT.digest.slice(7)}`,
    ]);
    held?.[Symbol.dispose]();
    store.gcImages(() => ({ keepDigests: [], graceMs: 0 }));
    expect(store.files.list("locks")).toEqual(["gc"]);
  });
  test("refuses while an import is going on", async () => {
    using _import = await store.lockImport();
    expect(() => store.gcImages(() => ({ keepDigests: [], graceMs: 0 }))).toThrowCode("store/in-use");
  });
});

describe("ImageStore.tryOpenPartialBlob()", () => {
  test("tells who is busy, and shows nothing between verify() and publish()", () => {
    const partial = store.tryOpenPartialBlob(WANT, { skipSync: true });
    if (typeof partial === "string") throw new TypeError(partial);
    expect(store.tryOpenPartialBlob(WANT)).toBe("busy");
    partial.append(CONTENT);
    expect(Buffer.concat([...partial.existing()])).toEqual(CONTENT);
    expect(() => partial.publish()).toThrowCode("store/corrupt");
    partial.verify();
    expect(store.hasBlob(WANT.digest)).toBe(false);
    partial.publish();
    partial[Symbol.dispose]();
    expect(store.tryOpenPartialBlob(WANT)).toBe("stored");
  });
});
