import { describe, expect, test } from "bun:test";
import { encodeTar, type TarInput } from "./encode-tar.ts";
import type { TarEntry } from "./tar-entry.ts";
import { DEFAULT_TAR_LIMITS, type TarLimits, TarReader } from "./tar-reader.ts";

interface Seen {
  readonly entry: TarEntry;
  readonly content: string;
}

function readTar(tar: Uint8Array, chunkBytes = tar.length, limits: TarLimits = DEFAULT_TAR_LIMITS): Seen[] {
  const seen: Seen[] = [];
  let entry: TarEntry | undefined;
  let content = "";
  const reader = new TarReader(
    {
      onEntry: (next) => {
        entry = next;
        content = "";
      },
      onData: (chunk) => {
        content += Buffer.from(chunk).toString("latin1");
      },
      onEntryEnd: () => void (entry !== undefined && seen.push({ entry, content })),
    },
    limits,
  );
  for (let at = 0; at < tar.length; at += chunkBytes) reader.push(tar.subarray(at, at + chunkBytes));
  reader.end();
  return seen;
}

/** One member with its header changed and the checksum made right again. */
function patched(input: TarInput, patch: (header: Buffer) => unknown, rest: readonly Uint8Array[] = []): Uint8Array {
  const block = Buffer.from(encodeTar([input]).subarray(0, 512));
  patch(block);
  block.fill(" ", 148, 156);
  block.write(
    block
      .reduce((a, b) => a + b, 0)
      .toString(8)
      .padStart(6, "0"),
    148,
  );
  return Buffer.concat([block, ...rest, new Uint8Array(1024)]);
}

const padded = (text: string): Uint8Array =>
  Buffer.concat([Buffer.from(text), new Uint8Array((512 - (text.length % 512)) % 512)]);

describe("TarReader", () => {
  const members: readonly TarInput[] = [
    { path: "d/", kind: "dir", modeOctal: 0o1755 },
    {
      path: "d/f",
      content: "x".repeat(1300),
      uid: 5_000_000,
      modifiedAt: { seconds: -3, nanoseconds: 250_000_000 },
      xattrs: { "user.a": "1=\n2" },
    },
    { path: Buffer.from([0xff, 0x41]), content: "" },
    { path: "l".repeat(300), kind: "symlink", linkTarget: "t".repeat(200) },
    { path: "c", kind: "char", devMajor: 4, devMinor: 5 },
  ];

  for (const chunkBytes of [1, 7, 511, 512, 513, 100_000]) {
    test(`reads the same from chunks of ${chunkBytes} bytes`, () => {
      const seen = readTar(encodeTar(members), chunkBytes);
      expect(seen.map(({ entry }) => entry.path)).toEqual(["d/", "d/f", "\xff\x41", "l".repeat(300), "c"]);
      expect(seen[1]).toMatchObject({
        content: "x".repeat(1300),
        entry: { uid: 5_000_000, modifiedAt: { seconds: -3, nanoseconds: 250_000_000 } },
      });
      expect(Buffer.from(seen[1]?.entry.xattrs.get("user.a") ?? []).toString()).toBe("1=\n2");
      expect(seen[3]?.entry.linkTarget).toBe("t".repeat(200));
      expect(seen[4]?.entry).toMatchObject({ kind: "char", devMajor: 4, devMinor: 5 });
    });
  }

  test("reads GNU long names and base-256 numbers", () => {
    const long = "n".repeat(200);
    const name = patched({ path: "x" }, (h) => [h.write("L", 156), h.write("00000000311", 124)], [
      padded(`${long}\0`),
    ]).subarray(0, -1024);
    const file = patched({ path: "y" }, (h) => h.set([0x80, 0, 0, 0, 0x80, 0, 0, 0], 108));
    const [only] = readTar(Buffer.concat([name, file]));
    expect(only?.entry.path).toBe(long);
    expect(only?.entry.uid).toBe(0x8000_0000);
  });

  test("ignores global headers and what follows the end mark", () => {
    const global = patched({ path: "g" }, (h) => [h.write("g", 156), h.write("00000000014", 124)], [
      padded("12 mtime=55\n"),
    ]).subarray(0, -1024);
    expect(
      readTar(Buffer.concat([global, encodeTar([{ path: "a" }]), Buffer.from("rubbish")]))[0]?.entry.modifiedAt.seconds,
    ).toBe(0);
  });

  const whole = encodeTar([{ path: "a", content: "abc" }]);
  const bad: readonly (readonly [string, Uint8Array])[] = [
    ["a wrong checksum", Buffer.concat([Buffer.from("b"), whole.subarray(1)])],
    ["an archive cut in a header", whole.subarray(0, 300)],
    ["an archive cut in the content", whole.subarray(0, 514)],
    ["a sparse file", patched({ path: "s" }, (h) => void h.write("S", 156))],
    ["a sparse file in pax form", paxFile("GNU.sparse.major", "1")],
    ["an unknown member type", patched({ path: "s" }, (h) => void h.write("Z", 156))],
    ["an empty name", patched({ path: "s" }, (h) => void h.fill(0, 0, 100))],
    ["a NUL in a pax path", paxFile("path", "a\0b")],
    ["a path beyond 4096 bytes", paxFile("path", "p".repeat(5000))],
    ["a pax record of wrong length", rawPax("99 path=a\n")],
    ["a pax record without key", rawPax("5 =a\n")],
    ["a negative pax size", paxFile("size", "-1")],
    ["a uid the kernel cannot take", paxFile("uid", "4294967295")],
    [
      "an extended header beyond 1 MiB",
      patched({ path: "x" }, (h) => [h.write("x", 156), h.write("00004000001", 124)]),
    ],
    ["a member after the end mark", Buffer.concat([new Uint8Array(512), whole])],
  ];
  for (const [name, tar] of bad) {
    test(`refuses ${name}`, () => expect(() => readTar(tar)).toThrowCode("image/bad-layer"));
  }

  test("refuses too many members and too much content", () => {
    const tar = encodeTar([{ path: "a", content: "abc" }, { path: "b" }]);
    expect(() => readTar(tar, 512, { maxEntries: 1, maxContentBytes: 100 })).toThrowCode("image/too-large");
    expect(() => readTar(tar, 512, { maxEntries: 9, maxContentBytes: 2 })).toThrowCode("image/too-large");
  });
});

function paxFile(key: string, value: string): Uint8Array {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length + 1;
  while (String(length).length + rest.length > length) length++;
  return rawPax(`${length}${rest}`);
}

function rawPax(records: string): Uint8Array {
  const size = records.length.toString(8).padStart(11, "0");
  const head = patched({ path: "pax" }, (h) => [h.write("x", 156), h.write(size, 124)], [padded(records)]);
  return Buffer.concat([head.subarray(0, -1024), encodeTar([{ path: "f" }])]);
}
