import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { gantryArgv, gantryEnv } from "./harness/gantry.ts";
import { writeArchive } from "./harness/images.ts";
import { createWorld, type World } from "./harness/world.ts";

const TIMEOUT_MS = 240_000;
const LOOSE = "--insecure-options=image";
const MOMENTS = 100;

/** Numbers in [0, 1) that are the same for the same seed, so that a failure can be seen again. */
function seeded(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

async function killAfter(world: World, args: readonly string[], delayMs: number): Promise<void> {
  const options = { root: world.root, config: world.config };
  const child = Bun.spawn(gantryArgv(args, options), {
    env: gantryEnv(options),
    stdio: ["ignore", "ignore", "ignore"],
  });
  await Bun.sleep(delayMs);
  child.kill("SIGKILL");
  await child.exited;
}

test(
  `gantry killed at ${MOMENTS} random moments of run, stop and gc leaves a sound store, and nothing after gc`,
  async () => {
    await using world = await createWorld();
    await world.succeed([LOOSE, "fetch", `oci-archive:${writeArchive(world, "app")}:1`]);
    await world.succeed(["stage1", "build", "systemd"]);
    const random = seeded(Number(process.env["GANTRY_TEST_SEED"] ?? 20161));
    for (let i = 0; i < MOMENTS; i++) {
      const net = i % 2 === 0 ? "--net=none" : "--net=default";
      const delayMs = random() * 250;
      if (i % 4 === 3) {
        const started = await world.gantry([
          LOOSE,
          "-q",
          "run",
          "-d",
          net,
          "localhost/app:1",
          "--exec=sleep",
          "--",
          "60",
        ]);
        const uuid = started.stdout.trim();
        await killAfter(world, i % 8 === 3 ? ["stop", uuid] : ["gc", "--grace-period=0s"], delayMs);
        await world.gantry(["rm", "--force", uuid]);
      } else await killAfter(world, [LOOSE, "run", net, "localhost/app:1", "--exec=true"], delayMs);
    }
    await Bun.sleep(500);
    await world.succeed(["gc", "--grace-period=0s"]);
    expect(JSON.parse((await world.succeed(["list", "--json"])).stdout)).toEqual([]);
    const ran = await world.succeed([LOOSE, "-q", "run", "localhost/app:1"]);
    expect(ran.stdout).toBe("hello\n");
  },
  TIMEOUT_MS,
);

test(
  "a pod whose manifest and end the disk did not get before the machine crashed is shown, and goes with gc",
  async () => {
    await using world = await createWorld();
    await world.succeed([LOOSE, "fetch", `oci-archive:${writeArchive(world, "app")}:1`]);
    const args = ["--stage1=oci", "--net=none", "localhost/app:1", "--exec=true"];
    await world.succeed([LOOSE, "-q", "run", ...args]);
    const [pod] = JSON.parse((await world.succeed(["list", "--json"])).stdout) as { readonly uuid: string }[];
    const dir = join(world.root, "pods/run", pod?.uuid ?? "");
    await world.succeed(["status", "--wait=10s", pod?.uuid ?? ""]);
    for (const file of ["pod.json", "reaped.json"]) writeFileSync(join(dir, file), "");
    expect((await world.succeed(["list"])).stdout).toContain((pod?.uuid ?? "").slice(0, 8));
    await world.succeed([LOOSE, "-q", "run", ...args]);
    await world.succeed(["gc", "--grace-period=0s"]);
    expect(JSON.parse((await world.succeed(["list", "--json"])).stdout)).toEqual([]);
    await world.succeed(["image", "gc", "--grace-period=0s"]);
  },
  TIMEOUT_MS,
);
