import { expect, test } from "bun:test";
import "../testing/to-throw-code.ts";
import { openFiles } from "../sys/linux/files.ts";
import { createCniPlugin } from "../testing/cni-plugin.ts";
import { openNetworkLab } from "../testing/network-lab.ts";
import { invokePlugin } from "./invoke.ts";

const ATTACHMENT = { containerId: "c", netnsPath: "/run/netns/c", ifName: "eth0", cniArgs: "IgnoreUnknown=1" };
const ADD = { command: "ADD", type: "p", network: "n", input: { name: "n" }, attachment: ATTACHMENT } as const;

test("invokePlugin() passes the CNI variables and PATH, and nothing else", async () => {
  await using lab = await openNetworkLab();
  const plugins = lab.scratch.sub("plugins");
  const plugin = createCniPlugin(plugins, "p");
  const lock = plugins.lock("pod.lock", { kind: "exclusive", wait: false });
  const fds = lock === undefined ? [] : [lock.fd];
  await invokePlugin(
    { ...lab.attachmentHost("x", { pluginDirs: [lab.scratch.sub("none"), plugins] }), inheritFds: fds },
    ADD,
  );
  lock?.[Symbol.dispose]();
  const [call] = plugin.calls();
  const { PWD: _shell, OLDPWD: _also, ...env } = call?.env ?? {};
  expect(env).toEqual({
    PATH: expect.any(String),
    CNI_COMMAND: "ADD",
    CNI_CONTAINERID: "c",
    CNI_NETNS: "/run/netns/c",
    CNI_IFNAME: "eth0",
    CNI_ARGS: "IgnoreUnknown=1",
    CNI_PATH: `${lab.scratch.path("none")}:${plugins.root}`,
  });
  expect(call?.stdin).toBe('{"name":"n"}');
  expect(call?.fds).toContain(3);
});

test("invokePlugin() tells a missing plugin, a plugin's error and a used-up pool apart", async () => {
  await using lab = await openNetworkLab();
  const plugins = lab.scratch.sub("plugins");
  const host = lab.attachmentHost("x", { pluginDirs: [plugins, openFiles("/usr/lib/cni")] });
  await expect(invokePlugin(host, ADD)).toThrowCode("network/plugin-missing");
  const plugin = createCniPlugin(plugins, "p", { ADD: { stderr: "segfault\n", exitCode: 139 } });
  await expect(invokePlugin(host, ADD)).toThrowCode("network/plugin-failed");
  plugin.answer("ADD", {
    stdout: { code: 999, msg: "no IP addresses available in range set: 10.0.0.1-10.0.0.2" },
    exitCode: 1,
  });
  await expect(invokePlugin(host, ADD)).toThrowCode("network/address-exhausted");
});

test("invokePlugin() gives up on a plugin that hangs or floods", async () => {
  await using lab = await openNetworkLab();
  const plugins = lab.scratch.sub("plugins");
  const plugin = createCniPlugin(plugins, "p", { ADD: { hangs: true } });
  const host = lab.attachmentHost("x", { pluginDirs: [plugins], timeoutMs: 200 });
  await expect(invokePlugin(host, ADD)).toThrowCode("network/plugin-failed");
  plugin.answer("ADD", { stdout: "x".repeat(2 * 1024 * 1024) });
  await expect(invokePlugin({ ...host, timeoutMs: 30_000 }, ADD)).toThrowCode("network/plugin-failed");
});
