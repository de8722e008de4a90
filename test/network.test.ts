import { expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { busyboxImage, writeArchive } from "./harness/images.ts";
import { createWorld } from "./harness/world.ts";

const TIMEOUT_MS = 120_000;
const LOOSE = "--insecure-options=image";
const SERVE = ["--exec=httpd", "--", "-f", "-p", "80", "-h", "/www"];

test(
  "network: the host reaches the pod by its address and through a mapped port; a taken port and name service files are right",
  async () => {
    await using world = await createWorld();
    const page = busyboxImage([
      { path: "www", kind: "dir" },
      { path: "www/index.html", content: "hi\n" },
    ]);
    const image = `oci-archive:${writeArchive(world, "app", page)}:1`;
    const port = 18_000 + (process.pid % 2000);
    const flags = ["-d", "--name=web", `--port=${port}:80`, "--dns=192.0.2.53", "--hosts-entry=192.0.2.9=db"];
    await world.succeed([LOOSE, "run", ...flags, image, ...SERVE]);
    const status = JSON.parse((await world.succeed(["status", "web", "--json"])).stdout);
    const [v4, v6] = status.networks[0].addresses.map((one: string) => one.split("/")[0]);
    for (const host of [v4, `[${v6}]`]) expect(await getText(`http://${host}:80/`)).toBe("hi\n");
    expect(await getText(`http://127.0.0.1:${port}/`)).toBe("hi\n");

    const taken = await world.gantry([LOOSE, "run", `--port=${port}:80`, image, ...SERVE]);
    expect(taken.exitCode).toBe(254);
    expect(taken.stderr).toContain(`${port}`);
    const files = (await world.succeed(["exec", "web", "--", "cat", "/etc/resolv.conf", "/etc/hosts"])).stdout;
    expect(files).toContain("nameserver 192.0.2.53\n");
    expect(files).toContain("192.0.2.9\tdb\n");
    expect(files).toContain(`${v4}\tweb\n`);
    await world.succeed(["stop", "web"]);
    expect(JSON.parse((await world.succeed(["status", "web", "--json"])).stdout).networks).toEqual([]);
  },
  TIMEOUT_MS,
);

test(
  "network: none has loopback only, a named network of --config is joined, a broken one is refused with its file",
  async () => {
    await using world = await createWorld();
    const image = `oci-archive:${writeArchive(world, "app")}:1`;
    const links = (...net: string[]) =>
      world.gantry([LOOSE, "-q", "run", ...net, image, "--exec=ip", "--", "-o", "link"]);
    const none = await links("--net=none");
    expect(none.stdout.trim().split("\n").length).toBe(1);
    expect(none.stdout).toContain("lo:");

    const netDir = join(world.config, "net.d");
    mkdirSync(netDir);
    const subnet = { type: "host-local", ranges: [[{ subnet: "10.199.7.0/24" }]], dataDir: join(world.dir, "ipam") };
    const lan = { cniVersion: "1.0.0", name: "lan", plugins: [{ type: "ptp", ipam: subnet }] };
    writeFileSync(join(netDir, "10-lan.conflist"), JSON.stringify(lan));
    const joined = await links("--net=lan");
    expect([joined.exitCode, joined.stdout.includes("eth0")]).toEqual([0, true]);

    writeFileSync(join(netDir, "20-bad.conflist"), "{");
    const bad = await links("--net=bad");
    expect(bad.exitCode).toBe(254);
    expect(bad.stderr).toContain("20-bad.conflist");
  },
  TIMEOUT_MS,
);

async function getText(url: string): Promise<string> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await (await fetch(url)).text();
    } catch (reason) {
      if (attempt >= 40) throw reason;
      await Bun.sleep(100);
    }
  }
}

test(
  "network: run after run gets the only address of its network, a fixed one, and the same port: what ended pods held is theirs",
  async () => {
    await using world = await createWorld();
    const image = `oci-archive:${writeArchive(world, "app")}:1`;
    const netDir = join(world.config, "net.d");
    mkdirSync(netDir);
    const ranges = [[{ subnet: "10.199.8.0/30" }]]; // the gateway, and one address
    const ipam = { type: "host-local", ranges, dataDir: join(world.dir, "ipam") };
    const plugins = [
      { type: "ptp", ipam },
      { type: "portmap", capabilities: { portMappings: true } },
    ];
    writeFileSync(join(netDir, "10-one.conflist"), JSON.stringify({ cniVersion: "1.0.0", name: "one", plugins }));
    const address = async (...flags: string[]) =>
      (
        await world.succeed([
          LOOSE,
          "-q",
          "run",
          ...flags,
          image,
          "--exec=ip",
          "--",
          "-o",
          "-4",
          "addr",
          "show",
          "eth0",
        ])
      ).stdout;
    const port = `--port=${18_000 + (process.pid % 2000)}:80`;
    for (const flags of [[], [], ["--net=one:IP=10.199.8.2"], [port], [port], []]) {
      const net = flags.some((flag) => flag.startsWith("--net")) ? [] : ["--net=one"];
      expect(await address(...net, ...flags)).toContain("10.199.8.2/30");
    }
  },
  TIMEOUT_MS,
);
