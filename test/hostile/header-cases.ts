import { gzipSync } from "node:zlib";
import { encodeTar } from "../../src/image/layer/encode-tar.ts";
import { type ForgedLayer, forgeImage, packedLayer, plainLayer, repeatedGzip } from "./forge-image.ts";
import { base256, END, forgeTar, globalPax, gnuLong, pax } from "./forge-tar.ts";
import { confined, type HostileCase, malformed, type Verdict } from "./hostile-case.ts";

const BAD_LAYER = malformed("image/bad-layer");
const TOO_LARGE = malformed("image/too-large");

function tar(name: string, stream: () => Uint8Array, expect: Verdict): HostileCase {
  return { name, expect, make: () => forgeImage({ layers: [plainLayer(stream())] }) };
}

function stored(name: string, layer: () => ForgedLayer, expect: Verdict): HostileCase {
  return { name, expect, make: () => forgeImage({ layers: [layer()] }) };
}

/** A gzip bomb: `headers` then zeros, each in its own gzip members, with a diffID that nobody could have computed. */
function bomb(header: Uint8Array, piece: Uint8Array, count: number): ForgedLayer {
  const packed = Buffer.concat([gzipSync(header), repeatedGzip(piece, count)]);
  return packedLayer(packed, header);
}

const MIB = 1024 * 1024;

/** Headers, extended headers and encodings that lie. */
export const HEADER_CASES: readonly HostileCase[] = [
  tar("header-wrong-checksum", () => forgeTar({ path: "x", wrongChecksum: true }, END), BAD_LAYER),
  tar("header-size-not-octal", () => forgeTar({ path: "x", size: Buffer.from("9999999999z") }, END), BAD_LAYER),
  tar("header-size-negative", () => forgeTar({ path: "x", size: base256(12, [0xff], 0xff) }, END), BAD_LAYER),
  tar("header-size-astronomic", () => forgeTar({ path: "x", size: base256(12, Array(11).fill(0xff)) }, END), BAD_LAYER),
  tar("header-size-terabyte", () => forgeTar({ path: "x", size: base256(12, [1, 0, 0, 0, 0, 0]) }, END), TOO_LARGE),
  tar("header-uid-out-of-range", () => forgeTar({ path: "x", uid: base256(8, [1, 0, 0, 0, 0]) }, END), BAD_LAYER),
  tar("header-uid-unchanged", () => forgeTar({ path: "x", uid: base256(8, [0xff, 0xff, 0xff, 0xff]) }, END), BAD_LAYER),
  tar("header-type-unknown", () => forgeTar({ path: "x", type: "V" }, END), BAD_LAYER),
  tar("member-cut-short", () => forgeTar({ path: "x", content: "abc", size: 5000 }), BAD_LAYER),
  tar("header-cut-short", () => forgeTar({ path: "x" }).subarray(0, 300), BAD_LAYER),
  tar("member-after-end", () => forgeTar({ path: "x" }, END.subarray(0, 512), { path: "y" }, END), BAD_LAYER),
  tar("sparse-gnu", () => forgeTar({ path: "x", type: "S", content: "abc" }, END), BAD_LAYER),
  tar(
    "sparse-pax",
    () => forgeTar(pax({ "GNU.sparse.major": "1", "GNU.sparse.realsize": "99999999999" }), { path: "x" }, END),
    BAD_LAYER,
  ),
  tar("pax-size-negative", () => forgeTar(pax({ size: "-1" }), { path: "x" }, END), BAD_LAYER),
  tar("pax-size-astronomic", () => forgeTar(pax({ size: "99999999999999999999" }), { path: "x" }, END), BAD_LAYER),
  tar("pax-size-longer-than-archive", () => forgeTar(pax({ size: "4096" }), { path: "x", content: "a" }), BAD_LAYER),
  tar("pax-uid-unchanged", () => forgeTar(pax({ uid: "4294967295" }), { path: "x" }, END), BAD_LAYER),
  tar("pax-uid-negative", () => forgeTar(pax({ uid: "-5" }), { path: "x" }, END), BAD_LAYER),
  tar("pax-time-not-a-number", () => forgeTar(pax({ mtime: "soon" }), { path: "x" }, END), BAD_LAYER),
  tar(
    "pax-time-far-future",
    () => forgeTar(pax({ mtime: "999999999999999" }), { path: "x" }, END),
    confined("the file system keeps the nearest time it can", { has: ["x"] }),
  ),
  tar("pax-record-longer-than-header", () => forgeTar(pax({}, "9999 path=x\n"), { path: "x" }, END), BAD_LAYER),
  tar("pax-record-length-zero", () => forgeTar(pax({}, "0 path=x\n"), { path: "x" }, END), BAD_LAYER),
  tar("pax-record-without-key", () => forgeTar(pax({}, "6 =ab\n\n"), { path: "x" }, END), BAD_LAYER),
  tar("pax-record-length-a-word", () => forgeTar(pax({}, "ten path=x\n"), { path: "x" }, END), BAD_LAYER),
  tar(
    "pax-ten-thousand-records",
    () =>
      forgeTar(pax(Object.fromEntries(Array.from({ length: 10_002 }, (_, i) => [`k${i}`, "v"]))), { path: "x" }, END),
    BAD_LAYER,
  ),
  tar(
    "pax-header-of-two-mebibytes",
    () => forgeTar(pax({ comment: "x".repeat(2 * MIB) }), { path: "x" }, END),
    BAD_LAYER,
  ),
  tar("pax-header-at-the-end", () => forgeTar({ path: "a" }, pax({ path: "b" }), END), BAD_LAYER),
  tar(
    "gnu-long-name-of-two-mebibytes",
    () => forgeTar(gnuLong("L", "x".repeat(2 * MIB)), { path: "x" }, END),
    BAD_LAYER,
  ),
  tar(
    "global-header-renames-all",
    () => forgeTar(globalPax({ path: "../escaped", uid: "1" }), { path: "x" }, END),
    confined("global headers change no member", { has: ["x"] }),
  ),
  stored(
    "gzip-cut-short",
    () => {
      const plain = encodeTar([{ path: "x", content: "x".repeat(9000) }]);
      return packedLayer(gzipSync(plain).subarray(0, -20), plain);
    },
    BAD_LAYER,
  ),
  stored(
    "gzip-with-something-behind",
    () => {
      const plain = encodeTar([{ path: "x" }]);
      return packedLayer(Buffer.concat([gzipSync(plain), Buffer.from("second archive")]), plain);
    },
    BAD_LAYER,
  ),
  stored("gzip-that-is-none", () => packedLayer(encodeTar([{ path: "x" }]), encodeTar([{ path: "x" }])), BAD_LAYER),
  stored("layer-that-is-no-archive", () => plainLayer(Buffer.from("<html>not found</html>".repeat(40))), BAD_LAYER),
  stored(
    "bomb-of-zeros-in-one-file",
    () => bomb(forgeTar({ path: "zeros", size: base256(12, [8, 0, 0, 0, 0]) }), Buffer.alloc(16 * MIB), 2048),
    TOO_LARGE,
  ),
  stored(
    "bomb-of-zeros-behind-the-end",
    () => bomb(forgeTar({ path: "x" }, END), Buffer.alloc(16 * MIB), 2048),
    TOO_LARGE,
  ),
  stored(
    "bomb-of-entries",
    () => bomb(new Uint8Array(), forgeTar(...Array(10_000).fill({ path: ".wh..wh.a" })), 1001),
    TOO_LARGE,
  ),
  stored(
    "bomb-of-directories",
    () => {
      const dir = (i: number): Uint8Array =>
        forgeTar(pax({ path: `${"n".repeat(250)}/${"o".repeat(250)}/${i}${"m".repeat(240)}/` }), {
          path: "d/",
          type: "5",
        });
      const plain = Buffer.concat(Array.from({ length: 45_000 }, (_, i) => dir(i)));
      return packedLayer(gzipSync(plain, { level: 1 }), plain);
    },
    TOO_LARGE,
  ),
  stored(
    "bomb-of-extended-headers",
    () => bomb(new Uint8Array(), forgeTar(globalPax({ comment: "x".repeat(MIB - 100) })), 4096),
    TOO_LARGE,
  ),
];
