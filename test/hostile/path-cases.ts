import type { TarInput } from "../../src/image/layer/encode-tar.ts";
import { forgeImage, plainLayer } from "./forge-image.ts";
import { END, forgeTar, gnuLong, pax } from "./forge-tar.ts";
import { confined, type HostileCase, malformed, type Targets, type Verdict } from "./hostile-case.ts";

const BAD_LAYER = malformed("image/bad-layer");
const INSIDE = "every path is resolved with the layer's own directory as root";

function layers(
  name: string,
  make: (targets: Targets) => readonly (Uint8Array | readonly TarInput[])[],
  expect: Verdict,
): HostileCase {
  return { name, expect, make: (targets) => forgeImage({ layers: make(targets).map(plainLayer) }) };
}

const inLayer = (name: string, entries: readonly TarInput[], expect: Verdict): HostileCase =>
  layers(name, () => [entries], expect);

/** Names that lead out: plainly, absolutely, through links of every kind. */
export const PATH_CASES: readonly HostileCase[] = [
  inLayer("path-parent", [{ path: "../escaped" }], BAD_LAYER),
  inLayer("path-parent-inside", [{ path: "a/../../escaped" }], BAD_LAYER),
  inLayer("path-parent-deep", [{ path: `${"a/".repeat(50)}${"../".repeat(51)}escaped` }], BAD_LAYER),
  inLayer("path-parent-only", [{ path: "..", kind: "dir" }], BAD_LAYER),
  inLayer("path-parent-within", [{ path: "a/../kept" }], confined("it stays inside", { has: ["kept"] })),
  layers(
    "path-absolute",
    ({ outside }) => [[{ path: `${outside}/escaped`, content: "x" }]],
    confined(INSIDE, { hasNot: ["escaped"] }),
  ),
  inLayer("path-many-slashes", [{ path: "////etc////x" }], confined(INSIDE, { has: ["etc/x"] })),
  inLayer("path-dot-names", [{ path: "./././x/./y" }], confined("dots mean nothing", { has: ["x/y"] })),
  inLayer("path-empty", [{ path: "" }], BAD_LAYER),
  layers(
    "symlink-absolute-then-file",
    ({ outside }) => [
      [
        { path: "out", kind: "symlink", linkTarget: outside },
        { path: "out/escaped", content: "x" },
      ],
    ],
    confined(INSIDE, { has: ["out"] }),
  ),
  inLayer(
    "symlink-relative-then-file",
    [
      { path: "a/up", kind: "symlink", linkTarget: "../../../../../../../../tmp" },
      { path: "a/up/escaped", content: "x" },
    ],
    confined(INSIDE, { has: ["tmp/escaped"] }),
  ),
  layers(
    "symlink-chain-then-file",
    ({ outside }) => [
      [
        { path: "one", kind: "symlink", linkTarget: "two" },
        { path: "two", kind: "symlink", linkTarget: "three" },
        { path: "three", kind: "symlink", linkTarget: outside },
        { path: "one/escaped", content: "x" },
      ],
    ],
    confined(INSIDE, { has: ["three"] }),
  ),
  layers(
    "symlink-across-layers",
    ({ outside }) => [[{ path: "out", kind: "symlink", linkTarget: outside }], [{ path: "out/escaped", content: "x" }]],
    confined(INSIDE),
  ),
  layers(
    "symlink-swapped-for-directory",
    ({ outside }) => [
      [
        { path: "d", kind: "dir" },
        { path: "d/one" },
        { path: "d", kind: "symlink", linkTarget: outside },
        { path: "d/escaped", content: "x" },
      ],
    ],
    confined("what was opened before the swap is forgotten", { has: ["d"] }),
  ),
  layers(
    "symlink-replaced-by-file",
    ({ outside }) => [
      [
        { path: "f", kind: "symlink", linkTarget: `${outside}/victim` },
        { path: "f", content: "overwritten" },
      ],
    ],
    confined("a file replaces a link, it is never written through one", { has: ["f"] }),
  ),
  inLayer(
    "symlink-loop",
    [{ path: "a", kind: "symlink", linkTarget: "b" }, { path: "b", kind: "symlink", linkTarget: "a" }, { path: "a/x" }],
    BAD_LAYER,
  ),
  inLayer("symlink-to-itself", [{ path: "a", kind: "symlink", linkTarget: "a" }, { path: "a/x" }], BAD_LAYER),
  inLayer(
    "symlink-chain-of-hundred",
    [
      ...Array.from({ length: 100 }, (_, i): TarInput => ({ path: `l${i}`, kind: "symlink", linkTarget: `l${i + 1}` })),
      { path: "l0/x" },
    ],
    BAD_LAYER,
  ),
  inLayer("symlink-empty-target", [{ path: "a", kind: "symlink", linkTarget: "" }], BAD_LAYER),
  inLayer("hardlink-parent", [{ path: "a", kind: "hardlink", linkTarget: "../../../../etc/passwd" }], BAD_LAYER),
  inLayer("hardlink-absolute", [{ path: "a", kind: "hardlink", linkTarget: "/etc/passwd" }], BAD_LAYER),
  layers(
    "hardlink-through-symlink",
    ({ outside }) => [
      [
        { path: "out", kind: "symlink", linkTarget: outside },
        { path: "a", kind: "hardlink", linkTarget: "out/victim" },
      ],
    ],
    BAD_LAYER,
  ),
  layers(
    "hardlink-to-symlink-then-write",
    ({ outside }) => [
      [
        { path: "s", kind: "symlink", linkTarget: `${outside}/victim` },
        { path: "h", kind: "hardlink", linkTarget: "s" },
        { path: "h", content: "overwritten" },
      ],
    ],
    confined("the link itself is linked to, and replaced by the file", { has: ["s", "h"] }),
  ),
  inLayer(
    "hardlink-to-directory",
    [
      { path: "d", kind: "dir" },
      { path: "a", kind: "hardlink", linkTarget: "d" },
    ],
    BAD_LAYER,
  ),
  inLayer("hardlink-to-nothing", [{ path: "a", kind: "hardlink", linkTarget: "missing" }], BAD_LAYER),
  inLayer("hardlink-to-itself", [{ path: "a", kind: "hardlink", linkTarget: "a" }], BAD_LAYER),
  inLayer("hardlink-to-root", [{ path: "a", kind: "hardlink", linkTarget: "." }], BAD_LAYER),
  inLayer("file-as-directory", [{ path: "f" }, { path: "f/x" }], BAD_LAYER),
  inLayer("root-as-file", [{ path: ".", content: "x" }], BAD_LAYER),
  inLayer("name-too-long", [{ path: "n".repeat(256) }], BAD_LAYER),
  inLayer("path-too-long", [{ path: `${"long/".repeat(1000)}x` }], BAD_LAYER),
  inLayer("path-two-thousand-deep", [{ path: `${"d/".repeat(2000)}x` }], confined("directories are opened one by one")),
  inLayer("name-with-newline", [{ path: "a\nb" }], confined("names are bytes", { has: ["a\nb"] })),
  inLayer(
    "name-not-utf8",
    [{ path: Uint8Array.of(0x66, 0xff, 0xfe) }],
    confined("names are bytes", { has: ["f\xff\xfe"] }),
  ),
  inLayer("name-with-escape", [{ path: "\x1b[2Jx" }], confined("names are bytes", { has: ["\x1b[2Jx"] })),
  layers("name-with-nul", () => [forgeTar(pax({ path: "etc/x\0.txt" }), { path: "x" }, END)], BAD_LAYER),
  layers(
    "link-target-with-nul",
    () => [forgeTar(pax({ linkpath: "a\0b" }), { path: "x", type: "2", link: "a" }, END)],
    BAD_LAYER,
  ),
  layers(
    "gnu-long-name-parent",
    () => [forgeTar(gnuLong("L", `../${"x".repeat(120)}`), { path: "x" }, END)],
    BAD_LAYER,
  ),
  layers("pax-path-parent", () => [forgeTar(pax({ path: "../../escaped" }), { path: "innocent" }, END)], BAD_LAYER),
  layers(
    "pax-link-target-out",
    () => [forgeTar(pax({ linkpath: "../../../../etc/passwd" }), { path: "x", type: "1", link: "innocent" }, END)],
    BAD_LAYER,
  ),
];
