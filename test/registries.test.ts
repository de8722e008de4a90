import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { startTestRegistry } from "../src/testing/registry/start-test-registry.ts";
import { writeArchive } from "./harness/images.ts";
import { createWorld } from "./harness/world.ts";

const TIMEOUT_MS = 120_000;
const LOOSE = "--insecure-options=image";

test(
  "registries.conf: a mirror is asked first, the registry when the mirror has gone; discover shows both; blocked and short names are refused",
  async () => {
    await using world = await createWorld();
    const main = world.use(await startTestRegistry());
    const mirror = await startTestRegistry();
    const archive = `oci-archive:${writeArchive(world, "app")}:1`;
    writeFileSync(
      `${world.config}/registries.conf`,
      `unqualified-search-registries = ["example.com"]
[[registry]]
prefix = "example.com"
location = "${main.host}/real"
insecure = true
[[registry.mirror]]
location = "${mirror.host}/cache"
insecure = true
[[registry]]
location = "${main.host}"
insecure = true
[[registry]]
location = "${mirror.host}"
insecure = true
[[registry]]
location = "evil.example"
blocked = true
`,
    );
    for (const place of [`${main.host}/real/app:1`, `${mirror.host}/cache/app:1`])
      await world.succeed(["push", archive, `docker://${place}`]);

    const found = JSON.parse((await world.succeed(["discover", "docker://example.com/app:1", "--json"])).stdout);
    expect(found.registries).toMatchObject([
      { role: "mirror", image: `docker://${mirror.host}/cache/app:1`, insecure: true, prefix: "example.com" },
      { role: "registry", image: `docker://${main.host}/real/app:1`, outcome: "not asked" },
    ]);
    expect(found.resolved).toMatchObject({ from: `registry ${mirror.host}/cache/app`, platform: "linux/amd64" });
    const first = await world.succeed([LOOSE, "fetch", "docker://example.com/app:1"]);
    expect(first.stdout.trim()).toBe(found.resolved.digest);

    await mirror[Symbol.asyncDispose]();
    await world.succeed([LOOSE, "fetch", "docker://example.com/app:1"]);
    const names = JSON.parse((await world.succeed(["image", "list", "--json"])).stdout);
    expect(names[0].names).toEqual(["example.com/app:1"]);

    const blocked = await world.gantry([LOOSE, "fetch", "docker://evil.example/app:1", "--json"]);
    expect([blocked.exitCode, JSON.parse(blocked.stderr).error.code]).toEqual([4, "discovery/blocked"]);
    const short = await world.gantry([LOOSE, "fetch", "app:1"]);
    expect(short.exitCode).toBe(2);
    expect(short.stderr).toContain("docker://example.com/app:1");
    writeFileSync(`${world.config}/registries.conf`, "[[registry]]\n");
    expect((await world.gantry([LOOSE, "fetch", "docker://example.com/app:1"])).exitCode).toBe(2);
  },
  TIMEOUT_MS,
);
