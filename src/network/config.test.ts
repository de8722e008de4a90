import { expect, test } from "bun:test";
import "../testing/to-throw-code.ts";
import { appendPlugins, parseNetworkConfig } from "./config.ts";
import { planPluginInput } from "./plugin-input.ts";

const parse = (value: unknown) =>
  parseNetworkConfig(new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value)), "f");

test("parseNetworkConfig() turns a single configuration into a chain of one", () => {
  const config = parse({ cniVersion: "0.3.1", name: "one", type: "bridge", ipam: { type: "host-local" } });
  expect(config.plugins).toMatchObject([{ type: "bridge", ipamType: "host-local" }]);
});

test("parseNetworkConfig() keeps unknown members and number literals for the plugin", () => {
  const text =
    '{"cniVersion":"1.0.0", "name":"n","plugins":[{"type":"a","x":12345678901234567890,"y":1.0,"z":{"deep":[null]}}]}';
  const config = parse(text);
  const [plugin] = config.plugins;
  const input = JSON.stringify(plugin && planPluginInput(config, plugin));
  expect(input).toBe(
    '{"type":"a","x":12345678901234567890,"y":1.0,"z":{"deep":[null]},"name":"n","cniVersion":"1.0.0"}',
  );
  expect(config.text).toBe(text);
});

test("parseNetworkConfig() takes the newest of cniVersions it speaks, and reads flags written as text", () => {
  const config = parse({
    cniVersion: "1.0.0",
    cniVersions: ["9.9.9", "1.1.0"],
    name: "n",
    disableCheck: "true",
    plugins: [{ type: "a" }],
  });
  expect(config).toMatchObject({ cniVersion: "1.1.0", disableCheck: true, disableGC: false });
});

test("parseNetworkConfig() reports all problems with their field paths", () => {
  const work = () =>
    parse({ cniVersion: "7", name: "-x", plugins: [{ type: "../../bin/sh" }, 3, { type: "a", ipam: { type: "/x" } }] });
  expect(work).toThrowCode("network/bad-config");
  try {
    work();
  } catch (reason) {
    const fields = (reason as { data: { problems: { field: string }[] } }).data.problems.map(({ field }) => field);
    expect(fields.sort()).toEqual(["cniVersion", "name", "plugins[0].type", "plugins[1]", "plugins[2].ipam.type"]);
  }
});

test.each([
  ["an empty document", ""],
  ["a list", "[]"],
  ["deep nesting", `{"name":"a","plugins":${"[".repeat(100_000)}`],
  ["more than 1 MiB", `{"name":"${"a".repeat(1024 * 1024)}"}`],
  ["a reserved name", '{"name":"host","type":"a"}'],
  ["no plugins", '{"name":"a","plugins":[],"loadOnlyInlinedPlugins":true}'],
])("parseNetworkConfig() rejects %s", (_what, text) => {
  expect(() => parse(text)).toThrowCode("network/bad-config");
});

test("appendPlugins() adds plugins behind the inlined ones", () => {
  const config = appendPlugins(parse({ name: "n", plugins: [{ type: "a" }] }), [{ type: "b" }]);
  expect(config.plugins.map(({ type }) => type)).toEqual(["a", "b"]);
  expect(parse(config.text)).toMatchObject({ loadOnlyInlinedPlugins: true });
});

test("planPluginInput() passes only the capabilities a plugin declares", () => {
  const config = parse({ name: "n", plugins: [{ type: "a", capabilities: { mac: true, ips: false } }] });
  const [plugin] = config.plugins;
  const input =
    plugin && planPluginInput(config, plugin, { capabilityArgs: { mac: "02:00:00:00:00:01", ips: ["10.0.0.1"] } });
  expect(input).toEqual({ type: "a", name: "n", cniVersion: "0.1.0", runtimeConfig: { mac: "02:00:00:00:00:01" } });
});
