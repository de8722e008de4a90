import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { discoveryPage } from "../src/testing/discovery-server.ts";
import { encodeArchive } from "../src/testing/image-builder.ts";
import { createGpgKey, type GpgKey } from "./harness/gpg-key.ts";
import { busyboxImage } from "./harness/images.ts";
import { publish } from "./harness/publish.ts";
import { type Services, startServices } from "./harness/services.ts";
import { gantryOnTerminal } from "./harness/terminal.ts";
import { createWorld, type World } from "./harness/world.ts";

const TIMEOUT_MS = 120_000;
const RUN = ["--net=none", "--exec=/bin/cat", "--", "/etc/motd"];
const app = (motd: string) => busyboxImage([{ path: "etc/motd", content: `${motd}\n` }]);

/** Announces `HOST/team` on its page: images as archives under /dl, and the key that signs them. */
async function announce(world: World, { discovery }: Services, key: GpgKey): Promise<string> {
  const host = `localhost:${discovery.port}`;
  const page = discoveryPage([
    ["ac-discovery", `${host}/team ${discovery.origin()}/dl/{name}-{version}-{os}-{arch}.{ext}`],
    ["ac-discovery-pubkeys", `${host}/team ${discovery.origin()}/key.asc`],
  ]);
  discovery.serve("/team", page);
  discovery.serve("/key.asc", { body: readFileSync(key.publicFile) });
  const archive = `${world.dir}/discovered.oci.tar`;
  await Bun.write(archive, encodeArchive(app("from an archive").build(), "1.0"));
  await key.sign(archive);
  const place = `/dl/${host}/team/app-1.0-linux-amd64.oci.tar`;
  discovery.serve(place, { body: readFileSync(archive) });
  discovery.serve(`${place}.asc`, { body: readFileSync(`${archive}.asc`) });
  return host;
}

test(
  "discovery: a name leads over its parent's page to an archive, its signature and the key, which is shown and asked about",
  async () => {
    await using world = await createWorld();
    const services = await startServices(world);
    const key = await createGpgKey(world);
    const host = await announce(world, services, key);
    const name = `${host}/team/app:1.0`;

    const { steps, endpoints, pubkeys } = JSON.parse((await world.succeed(["discover", name, "--json"])).stdout);
    expect(steps.map((step: { url: string }) => step.url)).toEqual([
      `https://${host}/team/app?ac-discovery=1`,
      `https://${host}/team?ac-discovery=1`,
    ]);
    expect(endpoints[0].image).toBe(`https://${host}/dl/${host}/team/app-1.0-linux-amd64.oci.tar`);
    expect(pubkeys).toEqual([`https://${host}/key.asc`]);
    expect((await world.gantry(["fetch", name])).exitCode).toBe(4);

    const options = { root: world.root, config: world.config, env: Object.fromEntries(world.env) };
    const ask = () => gantryOnTerminal(["trust", "add", `--prefix=${host}/team`], options);
    const grouped = (key.fingerprint.match(/.{4}/g) ?? []).join(" ");
    for (const [answer, code] of [
      ["no\r", 4],
      ["y\r", 4],
      ["\u0003", 130],
      ["\u0004", 4],
    ] as const) {
      await using session = ask();
      await session.waitFor("Type yes or no");
      expect(session.shown()).toContain(grouped);
      session.type(answer);
      expect([answer, await session.exited]).toEqual([answer, code]);
      expect(JSON.parse((await world.succeed(["trust", "list", "--json"])).stdout)).toEqual([]);
    }
    await using session = ask();
    await session.waitFor("Type yes or no");
    session.type("yes\r");
    expect(await session.exited).toBe(0);
    const [trusted] = JSON.parse((await world.succeed(["trust", "list", "--json"])).stdout);
    expect(trusted).toMatchObject({ fingerprint: key.fingerprint, scope: { kind: "prefix", prefix: `${host}/team` } });

    const ran = await world.succeed(["-q", "run", name, ...RUN]);
    expect(ran.stdout).toBe("from an archive\n");
    expect((await world.gantry(["fetch", `${host}/team/app:2.0`])).exitCode).toBe(3);
    expect((await world.gantry(["fetch", `${host}/team-other/app:1.0`])).exitCode).not.toBe(0);
  },
  TIMEOUT_MS,
);

test(
  "discovery: a template may lead to a registry; a name nobody announces is looked for in its own host's registry",
  async () => {
    await using world = await createWorld();
    const { discovery, registry } = await startServices(world);
    const host = `localhost:${discovery.port}`;
    publish(registry, app("from a registry").build(), { name: "store/app", tag: "1.0" });
    const template = `${host}/app docker://${registry.host}/store/app:{version}`;
    discovery.serve("/app", discoveryPage([["ac-discovery", template]]));
    const loose = ["--insecure-options=image", "-q", "run"];
    expect((await world.succeed([...loose, `${host}/app:1.0`, ...RUN])).stdout).toBe("from a registry\n");
    const [listed] = JSON.parse((await world.succeed(["image", "list", "--json"])).stdout).filter(
      ({ names }: { names: string[] }) => !names.some((one) => one.includes("stage1")),
    );
    expect(listed.names).toEqual([`${host}/app:1.0`]);
    const own = await world.succeed([...loose, `${registry.host}/store/app:1.0`, ...RUN]);
    expect(own.stdout).toBe("from a registry\n");
    const missing = await world.gantry(["fetch", `${host}/nowhere:1.0`]);
    expect([missing.exitCode, missing.stderr.includes("hint: ")]).toEqual([3, true]);
  },
  TIMEOUT_MS,
);
