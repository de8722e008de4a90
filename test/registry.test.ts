import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { seededBytes } from "../src/testing/image-builder.ts";
import { createGpgKey } from "./harness/gpg-key.ts";
import { busyboxImage } from "./harness/images.ts";
import { publish, publishIndex } from "./harness/publish.ts";
import { startServices } from "./harness/services.ts";
import { createWorld, type World } from "./harness/world.ts";

// Images from registries over HTTPS: logging in, platforms, encodings, broken connections, authorities, plain http.
const TIMEOUT_MS = 120_000;
const LOOSE = "--insecure-options=image";
const RUN = ["--net=none", "--exec=/bin/cat", "--", "/etc/motd"];

const app = (motd: string, compression: "none" | "gzip" | "zstd" = "gzip") =>
  busyboxImage().withLayer([{ path: "etc/motd", content: `${motd}\n` }], compression);

async function errorOf(world: World, args: readonly string[]): Promise<string> {
  const ran = await world.gantry([...args, "--json"]);
  expect(ran.exitCode).not.toBe(0);
  return `${ran.exitCode} ${JSON.parse(ran.stderr.trim().split("\n").at(-1) ?? "{}").error?.code}`;
}

test(
  "registry: signed as a referrer, fetched, verified and run, for each layer encoding; a second fetch moves no layer",
  async () => {
    await using world = await createWorld();
    const { registry } = await startServices(world);
    const key = await createGpgKey(world);
    await world.succeed([
      "trust",
      "add",
      `--prefix=${registry.host}/team`,
      key.publicFile,
      `--fingerprint=${key.fingerprint}`,
    ]);
    for (const compression of ["none", "gzip", "zstd"] as const) {
      const name = `${registry.host}/team/${compression}:1.0`;
      const built = app(compression, compression).build();
      publish(registry, built, { name: `team/${compression}`, tag: "1.0" });
      expect(await errorOf(world, ["fetch", `docker://${name}`])).toBe("4 trust/unsigned");
      await world.succeed(["sign", `--key=${key.secretFile}`, `docker://${name}`]);
      const ran = await world.succeed(["-q", "run", `docker://${name}`, ...RUN]);
      expect(ran.stdout).toBe(`${compression}\n`);
      const again = registry.requests.length;
      const [fetched] = JSON.parse((await world.succeed(["fetch", `docker://${name}`, "--json"])).stdout);
      expect(fetched).toMatchObject({ name, verifiedBy: [key.fingerprint] });
      const paths = registry.requests.slice(again).map(({ url }) => url.pathname);
      expect(paths.filter((path) => built.layers.some(({ digest }) => path.endsWith(digest)))).toEqual([]);
    }
  },
  TIMEOUT_MS,
);

test(
  "registry: the platform asked for is taken from an index; one that is not there is refused with what there is",
  async () => {
    await using world = await createWorld();
    const { registry } = await startServices(world);
    const host = app("amd64").withPlatform({ os: "linux", architecture: "amd64" });
    const arm = app("arm64").withPlatform({ os: "linux", architecture: "arm64" });
    const index = publishIndex(registry, [arm.build(), host.build()], { name: "multi", tag: "1" });
    const image = `docker://${registry.host}/multi:1`;
    const ran = await world.succeed([LOOSE, "-q", "run", image, ...RUN]);
    expect(ran.stdout).toBe("amd64\n");
    const digest = async (...flags: string[]) =>
      JSON.parse((await world.succeed([LOOSE, "fetch", ...flags, "--json"])).stdout)[0].digest;
    expect(await digest("--platform=linux/arm64", image)).toBe(arm.build().descriptor.digest);
    expect(await digest(`docker://${registry.host}/multi@${index}`)).toBe(host.build().descriptor.digest);
    const none = await world.gantry([LOOSE, "fetch", "--platform=linux/riscv64", image]);
    expect(none.exitCode).toBe(3);
    expect(none.stderr).toContain("linux/arm64");
    expect(await errorOf(world, [LOOSE, "fetch", "--platform=nonsense", image])).toBe("2 image/bad-platform");
  },
  TIMEOUT_MS,
);

test(
  "registry: basic and bearer log-in with credentials from --auth-file, auth.json and Docker's config; wrong ones are refused",
  async () => {
    await using world = await createWorld();
    const basic = { kind: "basic", username: "ann", password: "s3:cret" } as const;
    const { registry: first } = await startServices(world, { auth: basic });
    const { registry: second } = await startServices(world, { auth: { ...basic, kind: "bearer" } });
    const authFile = (host: string, password: string) =>
      JSON.stringify({ auths: { [host]: { auth: Buffer.from(`ann:${password}`).toString("base64") } } });
    for (const [at, registry] of [first, second].entries()) {
      publish(registry, app(`private ${at}`).build(), { name: "private", tag: "1" });
      const image = `docker://${registry.host}/private:1`;
      // Each has an authority of its own, and only the second's is known here.
      const fetch = [LOOSE, "--insecure-options=tls", "fetch", image];
      expect(await errorOf(world, fetch)).toBe("4 transport/unauthorized");
      const wrong = join(world.dir, `wrong-${at}.json`);
      writeFileSync(wrong, authFile(registry.host, "guess"));
      expect(await errorOf(world, [`--auth-file=${wrong}`, ...fetch])).toBe("4 transport/unauthorized");

      const right = authFile(registry.host, basic.password);
      const home = join(world.dir, `home-${at}`);
      mkdirSync(join(home, ".config/containers"), { recursive: true });
      writeFileSync(join(home, ".config/containers/auth.json"), right);
      await world.succeed(fetch, { env: { HOME: home } });
      const docker = join(world.dir, `docker-${at}`);
      mkdirSync(docker);
      writeFileSync(join(docker, "config.json"), right);
      await world.succeed(fetch, { env: { DOCKER_CONFIG: docker } });
      const named = join(world.dir, `right-${at}.json`);
      writeFileSync(named, right);
      await world.succeed([`--auth-file=${named}`, ...fetch]);
      writeFileSync(named, "{");
      const broken = await world.gantry([`--auth-file=${named}`, ...fetch]);
      expect([broken.exitCode, broken.stderr.includes(named)]).toEqual([2, true]);
      expect(broken.stderr).not.toContain(basic.password);
    }
  },
  TIMEOUT_MS,
);

test(
  "registry: anonymous tokens are asked for where a registry gives them",
  async () => {
    await using world = await createWorld();
    const { registry } = await startServices(world, { auth: { kind: "bearer", anonymousPull: true } });
    publish(registry, app("public").build(), { name: "public", tag: "1" });
    const ran = await world.succeed([LOOSE, "-q", "run", `docker://${registry.host}/public:1`, ...RUN]);
    expect(ran.stdout).toBe("public\n");
    expect(registry.requests.some(({ url }) => url.pathname === "/token")).toBe(true);
  },
  TIMEOUT_MS,
);

test(
  "registry: a connection that breaks off is taken up where it stopped, within a fetch and by the next one",
  async () => {
    await using world = await createWorld();
    const { registry } = await startServices(world);
    const big = busyboxImage().withLayer([{ path: "big", content: seededBytes(3, 3_000_000) }], "none");
    const built = big.build();
    publish(registry, built, { name: "big", tag: "1" });
    const layer = built.layers[1]?.digest ?? "";
    const ranges = () =>
      registry.requests.flatMap(({ url, headers }) =>
        url.pathname.endsWith(layer) ? [headers.get("range") ?? "whole"] : [],
      );
    registry.addFault({ match: layer, times: 2, does: { kind: "cut", afterBytes: 1_000_000 } });
    await world.succeed([LOOSE, "fetch", `docker://${registry.host}/big:1`]);
    expect(ranges()[0]).toBe("whole");
    expect(ranges().length).toBe(3);
    for (const range of ranges().slice(1)) expect(range).toMatch(/^bytes=[1-9]\d*-$/);

    await world.succeed(["image", "rm", `${registry.host}/big:1`]);
    await world.succeed(["image", "gc", "--grace-period=0s"]);
    registry.clearFaults();
    registry.addFault({ match: layer, times: 1, does: { kind: "cut", afterBytes: 2_000_000 } });
    registry.addFault({ match: layer, does: { kind: "status", status: 404 } });
    expect(await errorOf(world, [LOOSE, "fetch", `docker://${registry.host}/big:1`])).toBe("3 transport/not-found");
    expect(JSON.parse((await world.succeed(["image", "list", "--json"])).stdout)).not.toContainEqual(
      expect.objectContaining({ names: [`${registry.host}/big:1`] }),
    );
    registry.clearFaults();
    await world.succeed([LOOSE, "fetch", `docker://${registry.host}/big:1`]);
    expect(ranges().at(-1)).toMatch(/^bytes=[1-9]\d*-$/);
    expect(readdirSync(join(world.root, "images/blobs/sha256"))).toContain(layer.slice("sha256:".length));
  },
  TIMEOUT_MS,
);

test(
  "registry: an unknown authority is refused, --ca-file admits it; plain http only with --insecure-options=http",
  async () => {
    await using world = await createWorld();
    const { registry, caFile } = await startServices(world);
    publish(registry, app("tls").build(), { name: "app", tag: "1" });
    const fetch = [LOOSE, "fetch", `docker://${registry.host}/app:1`];
    world.env.delete("GANTRY_CA_FILE");
    expect(await errorOf(world, fetch)).toBe("4 sys/http-tls");
    await world.succeed([`--ca-file=${caFile}`, ...fetch]);
    expect(await errorOf(world, ["--ca-file=/no/such.pem", ...fetch])).toBe("3 sys/not-found");
    const garbage = join(world.dir, "garbage.pem");
    writeFileSync(garbage, "no certificate");
    expect(await errorOf(world, [`--ca-file=${garbage}`, ...fetch])).toBe("4 sys/http-tls");

    const { startTestRegistry } = await import("../src/testing/registry/start-test-registry.ts");
    const plain = world.use(await startTestRegistry());
    publish(plain, app("plain").build(), { name: "app", tag: "1" });
    const overHttp = ["fetch", `docker://${plain.host}/app:1`];
    const refused = await world.gantry([LOOSE, ...overHttp]);
    expect(refused.exitCode).toBe(6);
    expect(refused.stderr).toContain("--insecure-options=http");
    expect(plain.requests).toEqual([]);
    await world.succeed(["--insecure-options=image,http", ...overHttp]);
  },
  TIMEOUT_MS,
);
