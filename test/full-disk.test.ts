import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { seededBytes } from "../src/testing/image-builder.ts";
import { gantry } from "./harness/gantry.ts";
import { busyboxImage, writeArchive } from "./harness/images.ts";
import { createWorld } from "./harness/world.ts";

const TIMEOUT_MS = 120_000;
const LOOSE = "--insecure-options=image";

function must(...argv: string[]): void {
  const done = Bun.spawnSync(argv);
  if (done.exitCode !== 0) throw new Error(`${argv.join(" ")}: ${done.stderr}`);
}

test(
  "a full disk: fetch and run say so with their exit codes, leave nothing half-done, and work when there is room again",
  async () => {
    await using world = await createWorld();
    const big = busyboxImage([{ path: "big", content: seededBytes(9, 6_000_000) }]);
    const image = `oci-archive:${writeArchive(world, "big", big)}:1`;
    const disk = join(world.dir, "disk");
    mkdirSync(disk);
    must("mount", "-t", "tmpfs", "-o", "size=4m", "small", disk);
    const root = join(disk, "root");
    const run = (...args: string[]) => gantry(args, { root, config: world.config });
    const errorOf = (stderr: string) => JSON.parse(stderr.trim().split("\n").at(-1) ?? "").error;
    try {
      const fetch = await run(LOOSE, "fetch", "--json", image);
      expect(fetch.exitCode).toBe(6);
      expect(errorOf(fetch.stderr)).toMatchObject({ code: "sys/no-space", hint: expect.any(String) });
      expect(JSON.parse((await run("image", "list", "--json")).stdout)).toEqual([]);
      must("mount", "-o", "remount,size=120m", disk);
      expect((await run(LOOSE, "fetch", image)).exitCode).toBe(0);
      expect((await run(LOOSE, "-q", "run", "--net=none", "localhost/big:1")).stdout).toBe("hello\n");
      expect((await run("gc", "--grace-period=0s")).exitCode).toBe(0);

      Bun.spawnSync(["dd", "if=/dev/zero", `of=${disk}/fill`, "bs=64k"]);
      const full = await run(LOOSE, "run", "--net=none", "--name=late", "localhost/big:1", "--json");
      expect(full.exitCode).toBe(254);
      expect(errorOf(full.stderr)).toMatchObject({ code: "sys/no-space", hint: expect.any(String) });
      rmSync(join(disk, "fill"));
      expect(JSON.parse((await run("list", "--json")).stdout)).toEqual([]);
      const again = await run(LOOSE, "-q", "run", "--net=none", "--name=late", "localhost/big:1");
      expect([again.exitCode, again.stdout]).toEqual([0, "hello\n"]);
      expect((await run("gc", "--grace-period=0s")).exitCode).toBe(0);
      expect(readdirSync(join(root, "pods/names"))).toEqual([]);
    } finally {
      Bun.spawnSync(["umount", "--lazy", disk]);
    }
  },
  TIMEOUT_MS,
);
