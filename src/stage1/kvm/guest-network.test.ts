import { expect, test } from "bun:test";
import { planCards, planGuestNetwork } from "./guest-network.ts";

const STATE = {
  links: [
    {
      ifname: "lo",
      address: "00:00:00:00:00:00",
      mtu: 65536,
      link_type: "loopback",
      addr_info: [{ family: "inet", local: "127.0.0.1", prefixlen: 8, scope: "host" }],
    },
    {
      ifname: "eth0",
      address: "06:14:a0:db:74:3a",
      mtu: 1450,
      link_type: "ether",
      addr_info: [
        { family: "inet", local: "10.1.0.2", prefixlen: 16, scope: "global" },
        { family: "inet6", local: "fd00::2", prefixlen: 64, scope: "global" },
        { family: "inet6", local: "fe80::1", prefixlen: 64, scope: "link" },
      ],
    },
    { ifname: "eth1", address: "06:14:a0:db:74:3b", mtu: 1500, link_type: "ether", addr_info: [] },
  ],
  routes4: [
    { dst: "default", gateway: "10.1.0.1", dev: "eth0" },
    { dst: "10.1.0.0/16", dev: "eth0", protocol: "kernel", scope: "link" },
    { dst: "10.9.0.0/16", dev: "eth0" },
  ],
  routes6: [
    { dst: "fe80::/64", dev: "eth0" },
    { dst: "default", gateway: "fd00::1", dev: "eth0", metric: 1024 },
  ],
};

test("planGuestNetwork() gives the guest the pod's addresses of both families and its routes, those through gateways last", () => {
  expect(planCards(STATE).map((card) => card.name)).toEqual(["eth0"]);
  expect(planGuestNetwork(STATE).map((words) => words.join(" "))).toEqual([
    "link set lo up",
    "link set dev eth0 mtu 1450 up",
    "-4 addr add 10.1.0.2/16 dev eth0",
    "-6 addr add fd00::2/64 dev eth0",
    "-4 route add 10.9.0.0/16 dev eth0",
    "-4 route add default via 10.1.0.1 dev eth0",
    "-6 route add default via fd00::1 dev eth0 metric 1024",
  ]);
});
