import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import type { TarInput } from "../image/layer/encode-tar.ts";
import { openFiles } from "../sys/linux/files.ts";
import { describeTree } from "../testing/describe-tree.ts";
import { describeUnpacked } from "../testing/describe-unpacked.ts";
import { flattenImage } from "../testing/flatten-image.ts";
import { anImage, type ImageBuilder, layoutFiles, seededBytes } from "../testing/image-builder.ts";

const isRoot = process.getuid?.() === 0;
const hasTools = Bun.which("umoci") !== null && Bun.which("python3") !== null;

/** cap_net_bind_service=ep, revision 2. */
const CAPABILITY = Uint8Array.from([1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
/** Owner rw, user 1000 r, group r, mask r, others r. Spec: acl(5); the kernel's struct posix_acl_xattr, version 2. */
const ACL = Uint8Array.from([
  ...[2, 0, 0, 0],
  ...[1, 0, 6, 0, 255, 255, 255, 255],
  ...[2, 0, 4, 0, 232, 3, 0, 0],
  ...[4, 0, 4, 0, 255, 255, 255, 255],
  ...[16, 0, 4, 0, 255, 255, 255, 255],
  ...[32, 0, 4, 0, 255, 255, 255, 255],
]);
const LONG = `long/${"d".repeat(120)}/${"e".repeat(120)}/${"f".repeat(60)}`;
const at = (seconds: number, nanoseconds = 0) => ({ seconds, nanoseconds });
const dir = (path: string, more: Partial<TarInput> = {}): TarInput => ({
  path,
  kind: "dir",
  modifiedAt: at(1_500_000_000, 5),
  ...more,
});
const file = (path: string, content: string, more: Partial<TarInput> = {}): TarInput => ({
  path,
  content,
  modifiedAt: at(1_600_000_000, 7),
  ...more,
});

const BASE: readonly TarInput[] = [
  dir("./", { modeOctal: 0o755, modifiedAt: at(1_234_567_890, 123_456_789) }),
  dir("bin"),
  file("bin/tool", "#!/bin/sh\n", { modeOctal: 0o4755, modifiedAt: at(1_234_567_890, 987_654_321) }),
  {
    path: "bin/tool-too",
    kind: "hardlink",
    linkTarget: "bin/tool",
    modeOctal: 0o4755,
    modifiedAt: at(1_234_567_890, 987_654_321),
  },
  file("bin/server", "server", {
    modeOctal: 0o755,
    uid: 12,
    gid: 34,
    xattrs: { "security.capability": CAPABILITY, "user.note": "a\0b" },
  }),
  file("bin/wall", "w", { modeOctal: 0o2755, gid: 5 }),
  dir("tmp", { modeOctal: 0o1777 }),
  dir("home", { uid: 1000, gid: 1000, modeOctal: 0o2750, xattrs: { "user.dir": "yes" } }),
  file("home/old", "before the epoch", { uid: 3_000_000, gid: 3_000_001, modifiedAt: at(-5, 250_000_000) }),
  file("home/shared", "acl", { modeOctal: 0o644, xattrs: { "system.posix_acl_access": ACL, "trusted.note": "t" } }),
  file("home/no-rights", "none", { modeOctal: 0 }),
  file("home/empty", ""),
  { path: "lib", kind: "symlink", linkTarget: "usr/lib", modifiedAt: at(1_400_000_000, 3) },
  dir("usr"),
  dir("usr/lib"),
  file("lib/through-link", "lands in usr/lib"),
  {
    path: "home/dangling",
    kind: "symlink",
    linkTarget: "/nowhere/../at/all",
    uid: 7,
    gid: 8,
    modifiedAt: at(1_400_000_000),
  },
  dir("dev"),
  { path: "dev/null", kind: "char", devMajor: 1, devMinor: 3, modeOctal: 0o666, modifiedAt: at(1_300_000_000) },
  {
    path: "dev/disk",
    kind: "block",
    devMajor: 259,
    devMinor: 70_000,
    modeOctal: 0o660,
    gid: 6,
    modifiedAt: at(1_300_000_000),
  },
  { path: "dev/pipe", kind: "fifo", modeOctal: 0o640, modifiedAt: at(1_300_000_000, 1) },
  dir("long"),
  dir(`long/${"d".repeat(120)}`),
  dir(`long/${"d".repeat(120)}/${"e".repeat(120)}`),
  file(LONG, "deep"),
  {
    path: Buffer.from([0x68, 0x6f, 0x6d, 0x65, 0x2f, 0xff, 0xfe, 0x80]),
    content: "no text",
    modifiedAt: at(1_600_000_000),
  },
  dir("data"),
  { path: "data/big", content: seededBytes(7, 3_000_000), modifiedAt: at(1_600_000_000) },
  dir("data/gone"),
  file("data/gone/inside", "x"),
  dir("data/opaque"),
  file("data/opaque/hidden", "x"),
  dir("data/remade"),
  file("data/remade/hidden", "x"),
  file("data/kept", "kept"),
  dir("deep"),
  dir("deep/er", { modeOctal: 0o711, uid: 9, gid: 9 }),
  file("deep/er/file", "shared"),
];

const CHANGES: readonly TarInput[] = [
  dir("data", { modeOctal: 0o700, modifiedAt: at(1_700_000_000, 11) }),
  file("data/.wh.gone", ""),
  dir("data/opaque"),
  file("data/opaque/new", "new"),
  file("data/opaque/.wh..wh..opq", ""),
  file("data/.wh.remade", ""),
  dir("data/remade"),
  file("data/remade/fresh", "fresh"),
  dir("bin"),
  file("bin/tool", "replaced", { modeOctal: 0o755 }),
  file("twice", "first"),
  file("twice", "second", { uid: 4 }),
];

const ON_PARENTS: readonly TarInput[] = [
  file("deep/er/added", "its parents are only below"),
  { path: "deep/er/linked", kind: "hardlink", linkTarget: "deep/er/file" },
  file("lib/late", "through a link of a lower layer"),
];

/** Directories that come, go, become files and links, and come back, over three layers. */
const SHAPES: readonly (readonly TarInput[])[] = [
  [
    dir("./"),
    dir("a"),
    dir("a/b"),
    file("a/b/one", "1"),
    file("a/file", "file"),
    dir("c"),
    file("c/two", "2"),
    { path: "d", kind: "symlink", linkTarget: "c", modifiedAt: at(1_400_000_000) },
  ],
  [
    file("a/b", "a directory became a file", { uid: 3 }),
    dir("a/file", { modeOctal: 0o700 }),
    file("a/file/inside", "a file became a directory"),
    file(".wh.c", ""),
    dir("d", { gid: 4 }),
    file("d/three", "a link became a directory"),
  ],
  [dir("a/b"), file("a/b/new", "a directory again"), dir("c", { modeOctal: 0o1777 }), file("d/.wh.three", "")],
];

/** Hard links within a layer, to lower layers, and names of one file that part ways. */
const LINKS: readonly (readonly TarInput[])[] = [
  [
    dir("./"),
    dir("x"),
    file("x/a", "shared", { modeOctal: 0o640, uid: 1 }),
    { path: "x/b", kind: "hardlink", linkTarget: "x/a", modeOctal: 0o640, uid: 1, modifiedAt: at(1_600_000_000, 7) },
    { path: "x/c", kind: "hardlink", linkTarget: "x/b", modeOctal: 0o640, uid: 1, modifiedAt: at(1_600_000_000, 7) },
    { path: "x/soft", kind: "symlink", linkTarget: "a", modifiedAt: at(1_400_000_000) },
    { path: "x/soft-too", kind: "hardlink", linkTarget: "x/soft", modifiedAt: at(1_400_000_000) },
  ],
  [file("x/a", "parted"), file("x/.wh.c", ""), dir("y"), file("y/first", "1")],
];

/** Owners, modes and times change from layer to layer; the content too, or not. */
const ATTRIBUTES: readonly (readonly TarInput[])[] = [
  [
    dir("./", { modeOctal: 0o711 }),
    file("f", "f", { modeOctal: 0o6755 }),
    dir("s", { modeOctal: 0o1777, uid: 65_534 }),
  ],
  [file("f", "f", { modeOctal: 0o600, uid: 4_000_000_000, gid: 4_000_000_001 }), dir("s", { modeOctal: 0o2700 })],
  [
    dir("./", { modeOctal: 0o750, uid: 2, modifiedAt: at(1_111_111_111, 111_111_111) }),
    file("f", "F", { modifiedAt: at(0) }),
  ],
];

/** Names that are awkward: spaces, line breaks, quotes, backslashes, Unicode, dots, leading dashes, 255 bytes. */
const NAMES: readonly TarInput[] = [
  ...[
    "with space",
    "line\nbreak",
    "tab\t",
    'quo"te',
    "back\\slash",
    "ümläut",
    "日本語",
    "...",
    "..x",
    "-dash",
    ".hidden",
    "n".repeat(255),
  ],
].map((name, i) => file(name, `${i}`));

/** A tar stream of a real tree, by GNU tar in its own format: long names, links, many small files. */
function gnuTar(): Uint8Array {
  const trees = ["doc/bash", "doc/tar", "zoneinfo/Europe", "terminfo"];
  const present = trees.filter((tree) => existsSync(`/usr/share/${tree}`));
  const argv = [
    "tar",
    "-C",
    "/usr/share",
    "--format=gnu",
    "--sort=name",
    "-cf",
    "-",
    "--no-recursion",
    ".",
    "doc",
    "zoneinfo",
    "--recursion",
  ];
  return Bun.spawnSync([...argv, ...present]).stdout;
}

function layered(layers: readonly (readonly TarInput[])[]): ImageBuilder {
  return layers.reduce((image, members) => image.withLayer(members), anImage());
}

describe.skipIf(!isRoot || !hasTools)("unpackLayers() gives the tree that umoci gives", () => {
  let root = "";
  beforeEach(() => {
    root = mkdtempSync(`${tmpdir()}/gantry-umoci-`);
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  const cases: readonly (readonly [string, ImageBuilder])[] = [
    ["for one gzip layer with every kind of file", anImage().withLayer(BASE)],
    ["for a zstd layer", anImage().withLayer(BASE, "zstd")],
    ["for whiteouts, opaque directories and replaced files", anImage().withLayer(BASE).withLayer(CHANGES)],
    ["for a layer that needs its parents", anImage().withLayer(BASE).withLayer(CHANGES).withLayer(ON_PARENTS, "none")],
    ["for directories that become files and links and come back", layered(SHAPES)],
    ["for hard links whose names part in a later layer", layered(LINKS)],
    ["for owners, modes and times that change from layer to layer", layered(ATTRIBUTES)],
    ["for awkward names", anImage().withLayer([dir("./"), ...NAMES])],
    ["for a real tree packed by GNU tar", anImage().withLayer(gnuTar())],
    ["for an empty layer between two that do the same", anImage().withLayer(BASE).withLayer([]).withLayer(BASE)],
  ];
  for (const [name, builder] of cases) {
    test(name, async () => {
      const image = builder.build();
      const ours = await describeUnpacked(root, image);
      // umoci 0.4.7 reads no zstd: it gets the same layers as gzip, which changes no file.
      const theirs = unpackTheirs(root, name.includes("zstd") ? anImage().withLayer(BASE).build() : image);
      expect(ours).toEqual(theirs);
      // The layers applied in memory and written as one layer are the same tree once more.
      expect(await describeUnpacked(`${root}/flat`, flattenImage(builder))).toEqual(theirs);
    });
  }
});

function unpackTheirs(root: string, image: ReturnType<ImageBuilder["build"]>): string[] {
  const files = openFiles(`${root}/layout`);
  for (const [path, bytes] of layoutFiles(image, "test")) files.writeAtomic(path, bytes);
  const done = Bun.spawnSync(["umoci", "unpack", "--image", `${root}/layout:test`, `${root}/bundle`]);
  if (done.exitCode !== 0) expect(done.stderr.toString()).toBe("");
  return describeTree(`${root}/bundle/rootfs`, "true");
}
