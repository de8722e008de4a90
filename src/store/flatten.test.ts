import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import type { TarInput } from "../image/layer/encode-tar.ts";
import { describeUnpacked } from "../testing/describe-unpacked.ts";
import { flattenImage } from "../testing/flatten-image.ts";
import { anImage, type ImageBuilder, seededBytes } from "../testing/image-builder.ts";

const NAMES = ["a", "b", "c"];
const IMAGES = 25;

/** A layer of members that get in each other's way as often as possible; the same for the same seed. */
function randomLayer(seed: number): TarInput[] {
  const bytes = seededBytes(seed, 2000);
  let at = 0;
  const draw = (below: number): number => (bytes[at++] ?? 0) % below;
  const path = (): string => Array.from({ length: 1 + draw(3) }, () => NAMES[draw(3)]).join("/");
  return Array.from({ length: 4 + draw(10) }, (): TarInput => {
    const common = {
      modeOctal: 0o600 + draw(0o100),
      uid: draw(3),
      modifiedAt: { seconds: draw(99), nanoseconds: draw(9) },
    };
    switch (draw(8)) {
      case 0:
        return { ...common, path: path(), kind: "symlink", linkTarget: draw(2) === 0 ? path() : `/${path()}` };
      case 1:
        return { ...common, path: path(), kind: "hardlink", linkTarget: path() };
      case 2:
        return { path: path().replace(/([^/]+)$/, ".wh.$1") };
      case 3:
        return { path: `${path()}/.wh..wh..opq` };
      case 4:
      case 5:
        return { ...common, path: path(), kind: "dir" };
      default:
        return { ...common, path: path(), content: `content ${draw(4)}` };
    }
  });
}

async function outcome(make: () => Promise<string[]>): Promise<readonly string[] | string> {
  try {
    return await make();
  } catch (reason) {
    return (reason as { readonly code?: string }).code ?? String(reason);
  }
}

test.skipIf(process.getuid?.() !== 0)(
  "layers applied in memory give the tree that unpacking and mounting them gives",
  async () => {
    const root = mkdtempSync(`${tmpdir()}/gantry-flatten-`);
    try {
      for (let seed = 1; seed <= IMAGES; seed++) {
        let builder: ImageBuilder = anImage().withLayer([{ path: "./", kind: "dir" }]);
        for (let layer = 0; layer < 3; layer++) builder = builder.withLayer(randomLayer(seed * 10 + layer));
        const unpacked = await outcome(() => describeUnpacked(`${root}/${seed}`, builder.build()));
        const flat = await outcome(async () => await describeUnpacked(`${root}/${seed}-flat`, flattenImage(builder)));
        // Layers that end in a loop of links are refused by one of the two only; the mark that a file is deleted which
        // was never there is a name nobody can look at.
        const isComparable = typeof unpacked !== "string" && unpacked[0]?.startsWith("failed") !== true;
        if (isComparable) expect([seed, flat]).toEqual([seed, unpacked]);
      }
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  },
  120_000,
);
