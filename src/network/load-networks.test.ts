import { expect, test } from "bun:test";
import "../testing/to-throw-code.ts";
import type { Files } from "../sys/host.ts";
import { openFiles } from "../sys/linux/files.ts";
import { createCniPlugin } from "../testing/cni-plugin.ts";
import { openNetworkLab } from "../testing/network-lab.ts";
import { gcNetworks } from "./gc.ts";
import { findNetwork, loadNetworks } from "./load-networks.ts";
import { checkNetworks, listNetworks } from "./survey.ts";

const PROC = openFiles("/proc");

function put(layer: Files, file: string, value: unknown): void {
  layer.writeAtomic(file, typeof value === "string" ? value : JSON.stringify(value));
}

test("loadNetworks() lets later layers win by network name and reads plugin folders", async () => {
  await using lab = await openNetworkLab();
  const [vendor, admin] = [lab.scratch.sub("usr"), lab.scratch.sub("etc")];
  put(vendor, "10-lan.conf", { name: "lan", type: "ptp" });
  put(admin, "99-lan.conflist", { name: "lan", cniVersion: "1.0.0", plugins: [{ type: "bridge" }] });
  put(admin, "lan/20-tuning.conf", { type: "tuning" });
  put(admin, "README", "not a network");
  const networks = loadNetworks({ layers: [vendor, admin, lab.scratch.sub("missing")], proc: PROC });
  expect([...networks.byName.keys()].sort()).toEqual(["default", "lan"]);
  expect(findNetwork(networks, "lan").plugins.map(({ type }) => type)).toEqual(["bridge", "tuning"]);
  expect(() => findNetwork(networks, "wan")).toThrowCode("network/unknown-network");
});

test("findNetwork() refuses a broken override instead of falling back to the layer below", async () => {
  await using lab = await openNetworkLab();
  put(lab.scratch.sub("etc"), "00-default.conflist", "{");
  put(lab.scratch.sub("etc"), "a.conf", { name: "twice", type: "ptp" });
  put(lab.scratch.sub("etc"), "b.conf", { name: "twice", type: "ptp" });
  const networks = loadNetworks({ layers: [lab.scratch.sub("etc")], proc: PROC });
  expect(() => findNetwork(networks, "default")).toThrowCode("network/bad-config");
  expect(() => findNetwork(networks, "twice")).toThrowCode("network/bad-config");
});

test("checkNetworks() tells ready, unready, uninstalled and unreadable networks apart", async () => {
  await using lab = await openNetworkLab();
  const [layer, plugins] = [lab.scratch.sub("etc"), lab.scratch.sub("plugins")];
  createCniPlugin(plugins, "ready");
  createCniPlugin(plugins, "unready", { STATUS: { stdout: { code: 50, msg: "not yet" }, exitCode: 1 } });
  for (const type of ["ready", "unready", "absent"])
    put(layer, `${type}.conf`, { name: type, cniVersion: "1.1.0", type });
  put(layer, "old.conf", { name: "old", cniVersion: "1.0.0", type: "ready" });
  put(layer, "broken.conf", "{");
  const networks = loadNetworks({ layers: [layer], proc: PROC });
  const host = lab.attachmentHost("x", { pluginDirs: [plugins] });
  const states = (await checkNetworks(host, networks)).map(({ name, state }) => `${name}: ${state}`);
  expect(states).toEqual([
    "absent: fail",
    "broken: fail",
    "default: fail",
    "old: unknown",
    "ready: ok",
    "unready: fail",
  ]);
  expect(listNetworks(host, networks).find(({ name }) => name === "ready")?.plugins).toEqual([
    { type: "ready", path: plugins.path("ready") },
  ]);
});

test("gcNetworks() hands living attachments of that network to plugins of 1.1.0 only", async () => {
  await using lab = await openNetworkLab();
  const [layer, plugins] = [lab.scratch.sub("etc"), lab.scratch.sub("plugins")];
  const plugin = createCniPlugin(plugins, "p");
  put(layer, "new.conf", { name: "new", cniVersion: "1.1.0", type: "p" });
  put(layer, "old.conf", { name: "old", cniVersion: "1.0.0", type: "p" });
  put(layer, "off.conf", { name: "off", cniVersion: "1.1.0", type: "p", disableGC: true });
  const networks = [...loadNetworks({ layers: [layer], proc: PROC }).byName.values()];
  const validAttachments = ["new", "old"].map((network) => ({ network, containerId: `in-${network}`, ifName: "eth0" }));
  expect(await gcNetworks(lab.attachmentHost("x", { pluginDirs: [plugins] }), { networks, validAttachments })).toEqual(
    [],
  );
  expect(plugin.calls().map(({ command, stdin }) => [command, JSON.parse(stdin)["cni.dev/valid-attachments"]])).toEqual(
    [["GC", [{ containerID: "in-new", ifname: "eth0" }]]],
  );
});
