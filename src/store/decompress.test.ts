import { describe, expect, test } from "bun:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { seededBytes } from "../testing/image-builder.ts";
import { decompress } from "./decompress.ts";

const CONTENT = seededBytes(3, 700_000);
const PACKERS = {
  gzip: (bytes: Uint8Array) => gzipSync(bytes),
  zstd: (bytes: Uint8Array) => zstdCompressSync(bytes),
} as const;

async function unpack(packed: Uint8Array, kind: "gzip" | "zstd", chunkBytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  const feed = function* () {
    for (let at = 0; at < packed.length; at += chunkBytes) yield packed.subarray(at, at + chunkBytes);
  };
  for await (const chunk of decompress(feed(), kind)) chunks.push(chunk.slice());
  return Buffer.concat(chunks);
}

for (const kind of ["gzip", "zstd"] as const) {
  const packed = PACKERS[kind](CONTENT);
  describe(`decompress() with ${kind}`, () => {
    test("gives the content back from chunks of any size", async () => {
      for (const chunkBytes of [1000, 65_536, 10_000_000])
        expect((await unpack(packed, kind, chunkBytes)).equals(CONTENT)).toBe(true);
    });
    test("reads concatenated streams as one", async () => {
      const twice = await unpack(Buffer.concat([packed, packed]), kind, 4096);
      expect(twice.equals(Buffer.concat([CONTENT, CONTENT]))).toBe(true);
    });
    test("refuses a stream cut short, damaged or followed by something", async () => {
      const damaged = Buffer.from(packed);
      damaged.fill(0xff, 300, 400);
      const trailing = Buffer.concat([packed, Buffer.from("something else")]);
      // zstd has no checksum by default, and Bun lets it end early: there the diffID finds out.
      for (const bytes of kind === "zstd"
        ? [trailing]
        : [packed.subarray(0, -9), packed.subarray(0, 5000), damaged, trailing]) {
        await expect(unpack(bytes, kind, 50_000)).toThrowCode("image/bad-layer");
      }
    });
    test("ends with the reason when its source fails", async () => {
      const failing = function* (): Iterable<Uint8Array> {
        yield packed.subarray(0, 100);
        throw new RangeError("disk gone");
      };
      const drain = async (): Promise<void> => {
        for await (const _ of decompress(failing(), kind));
      };
      await expect(drain()).rejects.toThrow(RangeError);
    });
  });
}
