import { expect, test } from "bun:test";
import "../testing/to-throw-code.ts";
import { planHostsFile } from "./hosts-file.ts";
import { parseNetArgs } from "./net-args.ts";
import { planResolvConf } from "./resolv-conf.ts";

const NONE = { search: [], options: [], networks: [], isHostNetwork: false };
const NETWORK = { nameservers: ["10.0.0.1"], domain: "lan", search: [], options: [] };

test("planResolvConf() prefers the user's servers, then the networks', then the host's", () => {
  const host = { hostResolvConf: "nameserver 192.0.2.53\nsearch example.com\noptions ndots:2\n" };
  expect(planResolvConf({ ...NONE, ...host, networks: [NETWORK], servers: ["192.0.2.1"] })).toBe(
    "nameserver 192.0.2.1\n",
  );
  expect(planResolvConf({ ...NONE, ...host, networks: [NETWORK] })).toBe("nameserver 10.0.0.1\nsearch lan\n");
  expect(planResolvConf({ ...NONE, ...host })).toBe("nameserver 192.0.2.53\nsearch example.com\noptions ndots:2\n");
  expect(planResolvConf({ ...NONE, ...host, networks: [NETWORK], servers: "host" })).toContain("192.0.2.53");
  expect(planResolvConf({ ...NONE, ...host, servers: "none" })).toBeUndefined();
});

test("planResolvConf() replaces resolvers on the host's loopback by those behind systemd-resolved", () => {
  const files = { hostResolvConf: "nameserver 127.0.0.53\n", systemdResolvConf: "nameserver 192.0.2.9\n" };
  expect(planResolvConf({ ...NONE, ...files })).toBe("nameserver 192.0.2.9\n");
  expect(planResolvConf({ ...NONE, ...files, isHostNetwork: true })).toBe("nameserver 127.0.0.53\n");
});

test("planResolvConf() rejects words that would smuggle in lines", () => {
  expect(() => planResolvConf({ ...NONE, servers: ["1.1.1.1\nsearch evil"] })).toThrowCode("network/bad-dns");
  expect(() => planResolvConf({ ...NONE, search: ["a b"] })).toThrowCode("network/bad-dns");
  expect(() => planResolvConf({ ...NONE, options: ["a\nb"] })).toThrowCode("network/bad-dns");
});

test("planHostsFile() lists localhost, the pod's addresses and further entries", () => {
  const text = planHostsFile({
    podIps: ["10.0.0.2/16"],
    hostname: "h",
    podName: "web",
    entries: [{ ip: "192.0.2.1", host: "db" }],
  });
  expect(text.split("\n").slice(2)).toEqual(["10.0.0.2\th web", "192.0.2.1\tdb", ""]);
  const bad = { podIps: [], hostname: "h", entries: [{ ip: "192.0.2.1", host: "db\n1.1.1.1 evil" }] };
  expect(() => planHostsFile(bad)).toThrowCode("network/bad-dns");
});

test("parseNetArgs() fills CNI_ARGS and capabilities, and rejects separators", () => {
  expect(parseNetArgs("n", { IP: "10.0.0.9", FOO: "a" })).toEqual({
    cniArgs: "IgnoreUnknown=1;IP=10.0.0.9;FOO=a",
    capabilityArgs: { ips: ["10.0.0.9"] },
  });
  expect(parseNetArgs("n", { IP: "10.0.0.9,fd00::9" })).toEqual({
    cniArgs: "IgnoreUnknown=1",
    capabilityArgs: { ips: ["10.0.0.9", "fd00::9"] },
  });
  for (const args of [{ A: "x;CNI=1" }, { "A-B": "x" }, { A: "" }, { IP: "nope" }])
    expect(() => parseNetArgs("n", args)).toThrowCode("network/bad-args");
});
