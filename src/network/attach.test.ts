import { expect, test } from "bun:test";
import "../testing/to-throw-code.ts";
import { openFiles } from "../sys/linux/files.ts";
import { createCniPlugin } from "../testing/cni-plugin.ts";
import { openNetworkLab } from "../testing/network-lab.ts";
import { attachNetwork } from "./attach.ts";
import { attachAll, detachAll, listAttachments } from "./attach-all.ts";
import { checkNetwork } from "./check.ts";
import { type NetworkConfig, parseNetworkConfig } from "./config.ts";
import { defaultNetwork } from "./default-network.ts";
import { detachNetwork } from "./detach.ts";

const PLUGINS = openFiles("/usr/lib/cni");

/** The built-in network with leases in `dataDir`, so that tests do not meet each other's or the host's. */
function aNetwork(dataDir: string, extraPlugins: readonly object[] = []): NetworkConfig {
  const root = JSON.parse(defaultNetwork({ hasIpv6: true }).text);
  root.plugins[0].ipam.dataDir = dataDir;
  root.plugins.push(...extraPlugins);
  return parseNetworkConfig(new TextEncoder().encode(JSON.stringify(root)), "test");
}

test("attachAll() on the built-in network gives both families, reaches the bridge, and detachAll() leaves no rule and no lease", async () => {
  await using lab = await openNetworkLab();
  const host = lab.attachmentHost("a");
  const network = aNetwork(lab.scratch.path("ipam"));
  const netnsPath = await lab.addNetns("a");
  const ports = [{ hostIp: "", hostPort: 18080, podPort: 8080, protocol: "tcp" as const }];
  const pod = { containerId: "pod-a", netnsPath, networks: [{ config: network, args: {} }], ports };
  await attachAll(host, pod);
  await detachAll(host); // Leaves the empty top-level chains that the plugins share and keep.
  const before = await lab.rules();

  const [attachment] = await attachAll(host, pod);
  expect(attachment?.result.ips.map(({ address }) => address)).toEqual([
    expect.stringMatching(/^10\.126\.0\.\d+\/16$/),
    expect.stringMatching(/^fd7a:9e3b:4c21:126::[0-9a-f]+\/64$/),
  ]);
  for (const { gateway } of attachment?.result.ips ?? [])
    await lab.run(["busybox", gateway?.includes(":") ? "ping6" : "ping", "-c1", "-W5", gateway ?? "none"], netnsPath);
  expect(await checkNetwork(host, "eth0")).toBe("disabled");
  expect(await lab.rules()).not.toBe(before);
  expect(listAttachments(host).map(({ ifName }) => ifName)).toEqual(["eth0"]);

  await detachAll(host);
  await detachAll(host);
  expect(await lab.rules()).toBe(before);
  expect(host.files.list("net")).toEqual([]);
  expect(lab.scratch.list("ipam/default").filter((name) => /^(\d|fd)/.test(name))).toEqual([]);
  expect(await lab.run(["ip", "-o", "link", "show", "type", "veth"])).toBe("");
});

test("attachAll() maps a host port to a server in the pod", async () => {
  await using lab = await openNetworkLab();
  const host = lab.attachmentHost("p");
  const netnsPath = await lab.addNetns("p");
  await lab.run(["ip", "address", "add", "192.0.2.1/32", "dev", "lo"]);
  const config = aNetwork(lab.scratch.path("ipam"));
  const ports = [{ hostIp: "", hostPort: 18081, podPort: 8080, protocol: "tcp" as const }];
  await attachAll(host, { containerId: "pod-p", netnsPath, networks: [{ config, args: {} }], ports });
  const server = Bun.spawn([
    "nsenter",
    `--net=${netnsPath}`,
    "busybox",
    "nc",
    "-lp",
    "8080",
    "-e",
    "/bin/echo",
    "hello from the pod",
  ]);
  try {
    while (!(await lab.run(["ss", "-Hltn", "sport", "=", ":8080"], netnsPath)).includes("8080")) await Bun.sleep(10);
    expect(await lab.run(["busybox", "nc", "192.0.2.1", "18081"])).toBe("hello from the pod\n");
  } finally {
    server.kill();
    await server.exited;
    await detachAll(host);
  }
});

test("attachNetwork() takes down what the first plugins made when a later one fails", async () => {
  await using lab = await openNetworkLab();
  const scripted = lab.scratch.sub("plugins");
  const broken = createCniPlugin(scripted, "broken", {
    ADD: { stdout: { code: 101, msg: "out of luck", details: "on purpose" }, exitCode: 1 },
  });
  const host = lab.attachmentHost("f", { pluginDirs: [PLUGINS, scripted] });
  const ipam = lab.scratch.path("ipam");
  const netnsPath = await lab.addNetns("f");
  const input = {
    containerId: "pod-f",
    netnsPath,
    ifName: "eth0",
    portMappings: [{ hostPort: 18082, containerPort: 80, protocol: "tcp" as const }],
  };
  await attachNetwork(host, { ...input, network: aNetwork(ipam) });
  await detachNetwork(host, "eth0");
  const before = await lab.rules();

  const work = attachNetwork(host, { ...input, network: aNetwork(ipam, [{ type: "broken" }]) });
  await expect(work).rejects.toMatchObject({
    code: "network/plugin-failed",
    data: { cniCode: 101, cniMsg: "out of luck" },
  });
  expect(broken.calls().map(({ command }) => command)).toEqual(["ADD", "DEL"]);
  expect(await lab.rules()).toBe(before);
  expect(await lab.run(["ip", "-o", "link", "show", "type", "veth"])).toBe("");
  expect(lab.scratch.list("ipam/default").filter((name) => /^(\d|fd)/.test(name))).toEqual([]);
  expect(host.files.list("net")).toEqual([]);
});

test("attachAll() leaves the networks joined before when a later network fails", async () => {
  await using lab = await openNetworkLab();
  const scripted = lab.scratch.sub("plugins");
  const one = createCniPlugin(scripted, "one");
  createCniPlugin(scripted, "two", { ADD: { exitCode: 3, stderr: "no\n" } });
  const host = lab.attachmentHost("k", { pluginDirs: [scripted] });
  const networks = ["one", "two"].map((type) => ({ config: aChain(type), args: {} }));
  const work = attachAll(host, { containerId: "k", netnsPath: "/run/netns/none", networks, ports: [] });
  await expect(work).toThrowCode("network/plugin-failed");
  expect(one.calls().map(({ command }) => command)).toEqual(["ADD", "DEL"]);
  expect(host.files.list("net")).toEqual([]);
});

test("detachNetwork() works without the namespace, and keeps the record until every DEL succeeded", async () => {
  await using lab = await openNetworkLab();
  const scripted = lab.scratch.sub("plugins");
  const stubborn = createCniPlugin(scripted, "stubborn", {
    ADD: { stdout: { cniVersion: "1.0.0", ips: [{ address: "10.1.2.3/24" }] } },
    DEL: { exitCode: 1 },
  });
  const host = lab.attachmentHost("d", { pluginDirs: [PLUGINS, scripted] });
  const netnsPath = await lab.addNetns("d");
  const network = aNetwork(lab.scratch.path("ipam"), [{ type: "stubborn" }]);
  await attachNetwork(host, { network, containerId: "pod-d", netnsPath, ifName: "eth0" });
  await lab.removeNetns(netnsPath);
  await expect(detachNetwork(host, "eth0")).toThrowCode("network/plugin-failed");
  expect(host.files.list("net")).toEqual(["eth0.json"]);
  expect(lab.scratch.list("ipam/default").filter((name) => /^(\d|fd)/.test(name))).toEqual([]);
  stubborn.answer("DEL", {});
  await detachNetwork(host, "eth0");
  await detachNetwork(host, "eth0");
  expect(host.files.list("net")).toEqual([]);
  expect(JSON.parse(stubborn.calls().at(-1)?.stdin ?? "{}").prevResult.ips).toEqual([{ address: "10.1.2.3/24" }]);
});

test("detachNetwork() leaves masquerade rules when the namespace went first: callers keep it until then", async () => {
  await using lab = await openNetworkLab();
  const host = lab.attachmentHost("m");
  const netnsPath = await lab.addNetns("m");
  await attachNetwork(host, {
    network: aNetwork(lab.scratch.path("ipam")),
    containerId: "pod-m",
    netnsPath,
    ifName: "eth0",
  });
  await lab.removeNetns(netnsPath);
  await detachNetwork(host, "eth0");
  expect(await lab.rules()).toContain("pod-m");
});

test("attachNetwork() gives 16 pods at once 16 addresses", async () => {
  await using lab = await openNetworkLab();
  const network = aNetwork(lab.scratch.path("ipam"));
  const pods: { host: ReturnType<typeof lab.attachmentHost>; netnsPath: string; containerId: string }[] = [];
  for (let i = 0; i < 16; i++)
    pods.push({ host: lab.attachmentHost(`n${i}`), netnsPath: await lab.addNetns(`n${i}`), containerId: `n${i}` });
  const results = await Promise.all(
    pods.map(({ host, ...pod }) => attachNetwork(host, { network, ...pod, ifName: "eth0" })),
  );
  expect(new Set(results.flatMap(({ ips }) => ips.map(({ address }) => address))).size).toBe(32);
  await Promise.all(pods.map(({ host }) => detachNetwork(host, "eth0")));
  expect(lab.scratch.list("ipam/default").filter((name) => /^(\d|fd)/.test(name))).toEqual([]);
}, 60_000);

test("attachNetwork() gives the address and MAC asked for with IP= and MAC=, which checkNetwork() then confirms", async () => {
  await using lab = await openNetworkLab();
  const host = lab.attachmentHost("i");
  const netnsPath = await lab.addNetns("i");
  const args = { IP: "10.126.7.7", MAC: "02:11:22:33:44:55" };
  const network = parseNetworkConfig(
    new TextEncoder().encode(
      aNetwork(lab.scratch.path("ipam")).text.replace('"disableCheck":true', '"disableCheck":false'),
    ),
    "test",
  );
  const { ips, interfaces } = await attachNetwork(host, { network, containerId: "i", netnsPath, ifName: "eth0", args });
  expect(ips[0]?.address).toBe("10.126.7.7/16");
  expect(interfaces.find(({ name }) => name === "eth0")?.mac).toBe("02:11:22:33:44:55");
  expect(await checkNetwork(host, "eth0")).toBe("ok");
  await lab.run(["ip", "link", "delete", "eth0"], netnsPath);
  await expect(checkNetwork(host, "eth0")).toThrowCode("network/plugin-failed");
  await detachNetwork(host, "eth0");
});

test("attachNetwork() writes the record before the first plugin runs and takes down a half-made attachment first", async () => {
  await using lab = await openNetworkLab();
  const scripted = lab.scratch.sub("plugins");
  const slow = createCniPlugin(scripted, "slow", { ADD: { hangs: true }, DEL: { exitCode: 1 } });
  const host = lab.attachmentHost("h", { pluginDirs: [scripted], timeoutMs: 300 });
  const input = { network: aChain("slow"), containerId: "h", netnsPath: "/run/netns/none", ifName: "eth0" };
  await expect(attachNetwork(host, input)).rejects.toMatchObject({
    code: "network/plugin-failed",
    data: { undoFailures: [expect.any(String)] },
  });
  expect(JSON.parse(host.files.readText("net/eth0.json")).state).toBe("attaching");
  slow.answer("ADD", { stdout: { cniVersion: "1.0.0" } });
  slow.answer("DEL", {});
  await attachNetwork(host, input);
  expect(slow.calls().map(({ command }) => command)).toEqual(["ADD", "DEL", "DEL", "ADD"]);
});

test("attachNetwork() aborted half-way still takes down what it made", async () => {
  await using lab = await openNetworkLab();
  const scripted = lab.scratch.sub("plugins");
  const first = createCniPlugin(scripted, "first");
  const inner = lab.attachmentHost("s", { pluginDirs: [scripted] });
  const abort = new AbortController();
  const programs: typeof inner.programs = {
    run: async (program, options) => {
      options?.signal?.throwIfAborted();
      const result = await inner.programs.run(program);
      abort.abort();
      return result;
    },
  };
  const network = parseNetworkConfig(
    new TextEncoder().encode('{"name":"n","cniVersion":"1.0.0","plugins":[{"type":"first"},{"type":"first"}]}'),
    "test",
  );
  const input = { network, containerId: "s", netnsPath: "/run/netns/none", ifName: "eth0" };
  const work = attachNetwork({ ...inner, programs }, input, { signal: abort.signal });
  await expect(work).rejects.toMatchObject({ name: "AbortError" });
  expect(first.calls().map(({ command }) => command)).toEqual(["ADD", "DEL", "DEL"]);
  expect(inner.files.list("net")).toEqual([]);
});

function aChain(type: string): NetworkConfig {
  const text = JSON.stringify({
    cniVersion: "1.0.0",
    name: `net-${type}`,
    plugins: [{ type }],
    loadOnlyInlinedPlugins: true,
  });
  return parseNetworkConfig(new TextEncoder().encode(text), "test");
}
