import { expect, test } from "bun:test";
import "../testing/to-throw-code.ts";
import { parseResult } from "./result.ts";

test("parseResult() reads ip4 and ip6 of 0.2.0", () => {
  const raw = JSON.stringify({
    cniVersion: "0.2.0",
    ip4: { ip: "10.0.0.2/24", gateway: "10.0.0.1", routes: [{ dst: "0.0.0.0/0" }] },
    ip6: { ip: "fd00::2/64", routes: [{ dst: "::/0", gw: "fd00::1" }] },
    dns: { nameservers: ["10.0.0.1"], domain: "example.com" },
  });
  expect(parseResult(raw, "p")).toEqual({
    interfaces: [],
    ips: [{ address: "10.0.0.2/24", gateway: "10.0.0.1" }, { address: "fd00::2/64" }],
    routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0", gateway: "fd00::1" }],
    dns: { nameservers: ["10.0.0.1"], domain: "example.com", search: [], options: [] },
    raw,
  });
});

test.each(["0.3.1", "0.4.0", "1.0.0", "1.1.0"])(
  "parseResult() reads the lists of %s and names the interface",
  (cniVersion) => {
    const raw = JSON.stringify({
      cniVersion,
      interfaces: [
        { name: "br0", mac: "02:00:00:00:00:01", mtu: 1500 },
        { name: "eth0", sandbox: "/run/netns/x", socketPath: "" },
      ],
      ips: [
        { version: "4", address: "10.0.0.2/24", interface: 1 },
        { address: "10.0.0.3/24", interface: -1 },
      ],
    });
    const result = parseResult(raw, "p");
    expect(result.ips).toEqual([{ address: "10.0.0.2/24", interface: "eth0" }, { address: "10.0.0.3/24" }]);
    expect(result.interfaces).toEqual([
      { name: "br0", mac: "02:00:00:00:00:01" },
      { name: "eth0", sandbox: "/run/netns/x" },
    ]);
  },
);

test.each([
  ["nothing", ""],
  ["a list", "[]"],
  ["an interface that does not exist", '{"ips":[{"address":"10.0.0.2/24","interface":0}]}'],
  ["an address without prefix", '{"ips":[{"address":"10.0.0.2"}]}'],
  ["a wrong dns", '{"dns":{"nameservers":[1]}}'],
])("parseResult() rejects %s", (_what, raw) => {
  expect(() => parseResult(raw, "p")).toThrowCode("network/bad-result");
});
