import { type NetworkConfig, parseNetworkConfig } from "./config.ts";

/** Name used when the user asks for no network in particular; a file of that name replaces the built-in one. */
export const DEFAULT_NETWORK = "default";

/** IPv4 block of the built-in network: one seldom chosen by routers, VPNs and other engines. */
export const DEFAULT_IPV4_SUBNET = "10.126.0.0/16";

/** IPv6 block of the built-in network, from the unique local range. Spec: RFC 4193. */
export const DEFAULT_IPV6_SUBNET = "fd7a:9e3b:4c21:126::/64";

/**
 * The built-in network: a bridge with masquerading, one address per family, and port mapping. Leases live on the run-time
 * file system, so that a reboot, which ends every namespace, frees the addresses too. Without `hasIpv6` it is IPv4 only,
 * because the bridge plugin fails on a kernel with IPv6 switched off.
 */
export function defaultNetwork(host: { readonly hasIpv6: boolean }): NetworkConfig {
  const ranges = [[{ subnet: DEFAULT_IPV4_SUBNET }], ...(host.hasIpv6 ? [[{ subnet: DEFAULT_IPV6_SUBNET }]] : [])];
  const routes = [{ dst: "0.0.0.0/0" }, ...(host.hasIpv6 ? [{ dst: "::/0" }] : [])];
  const bridge = {
    type: "bridge",
    bridge: "gantry0",
    isGateway: true,
    ipMasq: true,
    hairpinMode: true,
    promiscMode: false,
    capabilities: { ips: true, mac: true },
    ipam: { type: "host-local", dataDir: "/run/gantry/ipam", ranges, routes },
  };
  const portmap = { type: "portmap", capabilities: { portMappings: true }, snat: true };
  const document = {
    cniVersion: "1.0.0", // The newest that the plugins of Debian 12 speak.
    name: DEFAULT_NETWORK,
    disableCheck: true, // portmap 1.1.1 looks for the IPv4 rule among the IPv6 ones and so finds every dual-stack pod broken.
    loadOnlyInlinedPlugins: true,
    plugins: [bridge, portmap],
  };
  return parseNetworkConfig(new TextEncoder().encode(JSON.stringify(document, null, 2)), "built-in");
}
