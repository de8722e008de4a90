import { expect, test } from "bun:test";
import "../testing/to-throw-code.ts";
import { openFiles } from "../sys/linux/files.ts";
import { parseNetworkConfig } from "./config.ts";
import { defaultNetwork } from "./default-network.ts";
import { parseIpHex } from "./ip-address.ts";
import { assertPortsFree, type HostPort, planPortMappings } from "./ports.ts";
import { parseProcSockets } from "./proc-sockets.ts";

const PROC = openFiles("/proc");
const aPort = (hostPort: number, hostIp = "", protocol: HostPort["protocol"] = "tcp"): HostPort => ({
  hostIp,
  hostPort,
  podPort: 80,
  protocol,
});

test("assertPortsFree() sees listening programs of the host, by address and protocol", () => {
  const server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  try {
    for (const ip of ["", "0.0.0.0", "::", "127.0.0.1", "::ffff:127.0.0.1"]) {
      expect(() => assertPortsFree(PROC, { wanted: [aPort(server.port, ip)], others: [] })).toThrowCode(
        "network/port-taken",
      );
    }
    assertPortsFree(PROC, { wanted: [aPort(server.port, "192.0.2.1"), aPort(server.port, "", "sctp")], others: [] });
  } finally {
    server.stop(true);
  }
});

test("assertPortsFree() names the pod that has the port, and finds doubles within the pod", () => {
  const others = [{ pod: "web", ports: [aPort(5, "192.0.2.1", "sctp")] }];
  expect(() => assertPortsFree(PROC, { wanted: [aPort(5, "", "sctp")], others })).toThrowCode("network/port-taken");
  assertPortsFree(PROC, { wanted: [aPort(5, "192.0.2.2", "sctp")], others });
  expect(() =>
    assertPortsFree(PROC, { wanted: [aPort(6, "", "sctp"), aPort(6, "::1", "sctp")], others: [] }),
  ).toThrowCode("network/port-taken");
  expect(() => assertPortsFree(PROC, { wanted: [aPort(6, "eth0", "sctp")], others: [] })).toThrowCode(
    "network/bad-args",
  );
});

test("planPortMappings() takes the first network that maps ports, or says what to do", () => {
  const plain = parseNetworkConfig(new TextEncoder().encode('{"name":"plain","type":"ptp"}'), "f");
  const mapping = planPortMappings([plain, defaultNetwork({ hasIpv6: false })], [aPort(8080, "192.0.2.1")]);
  expect(mapping).toEqual({
    networkIndex: 1,
    portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp", hostIP: "192.0.2.1" }],
  });
  expect(() => planPortMappings([plain], [aPort(1)])).toThrowCode("network/no-port-mapping");
});

test("parseProcSockets() reads IPv4 and IPv6 rows and skips connections", () => {
  const rest = "00000000:0000 0A 00000000:00000000 00:00000000";
  const text = `  sl  local_address\n   0: 0100007F:1F90 ${rest}\n   1: 00000000000000000000000001000000:0016 ${rest}\n   2: 0100007F:1F91 0100007F:0001 01 0\n`;
  expect(parseProcSockets(text, "tcp")).toEqual([
    { protocol: "tcp", addressHex: "7f000001", port: 8080 },
    { protocol: "tcp", addressHex: "00000000000000000000000000000001", port: 22 },
  ]);
});

test.each([
  ["10.1.2.3", "0a010203"],
  ["::1", "00000000000000000000000000000001"],
  ["::ffff:10.1.2.3", "0a010203"],
  ["fd00::a:b", "fd0000000000000000000000000a000b"],
  ["1.2.3", undefined],
  ["01.2.3.4", undefined],
  ["1::2::3", undefined],
  ["1:2:3:4:5:6:7:8:9", undefined],
  ["1:2:3:4:5:6:7::8", undefined],
  [":1", undefined],
])("parseIpHex() of %s is %p", (text, hex) => {
  expect(parseIpHex(text)).toBe(hex as string);
});
