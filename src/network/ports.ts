import type { Files } from "../sys/host.ts";
import type { PortMapping } from "./attach.ts";
import type { NetworkConfig } from "./config.ts";
import { NetworkError } from "./errors.ts";
import { parseIpHex } from "./ip-address.ts";
import { hasCapability } from "./plugin-input.ts";
import { type BoundSocket, parseProcSockets } from "./proc-sockets.ts";

/** A host port led into a pod; the same shape as the pod's port option. */
export interface HostPort {
  /** "" means every address. */
  readonly hostIp: string;
  readonly hostPort: number;
  readonly podPort: number;
  readonly protocol: "tcp" | "udp" | "sctp";
}

/** Ports wanted now, and those of the other running pods. */
export interface PortClaims {
  readonly wanted: readonly HostPort[];
  readonly others: readonly { readonly pod: string; readonly ports: readonly HostPort[] }[];
}

const PROC_LIMIT_BYTES = 64 * 1024 * 1024;

/**
 * Refuses ports that a program of the host or another pod already answers, before anything is set up: a mapping would
 * otherwise silently take the port away from it. Sockets come from `/proc/net` (`proc` is `/proc`); SCTP is checked against pods only.
 * @throws {NetworkError} "network/port-taken" (`data.by` is the pod or `host`), "network/bad-args"
 */
export function assertPortsFree(proc: Files, { wanted, others }: PortClaims): void {
  if (wanted.length === 0) return;
  const sockets = readSockets(proc);
  for (const [index, port] of wanted.entries()) {
    assertAddress(port);
    const twin = wanted.slice(0, index).find((one) => isClash(one, port));
    if (twin !== undefined) throw portTaken(port, "another --port of this pod", "self");
    const pod = others.find(({ ports }) => ports.some((one) => isClash(one, port)));
    if (pod !== undefined) throw portTaken(port, `pod "${pod.pod}"`, pod.pod);
    if (sockets.some((socket) => isSocketClash(socket, port))) throw portTaken(port, "a program of the host", "host");
  }
}

/**
 * Chooses who maps the ports: the first network with a plugin that declares `portMappings`. Index -1 when there are no ports.
 * @throws {NetworkError} "network/no-port-mapping"
 */
export function planPortMappings(
  networks: readonly NetworkConfig[],
  ports: readonly HostPort[],
): { readonly networkIndex: number; readonly portMappings: readonly PortMapping[] } {
  if (ports.length === 0) return { networkIndex: -1, portMappings: [] };
  const networkIndex = networks.findIndex((network) => hasCapability(network, "portMappings"));
  if (networkIndex === -1) {
    const names = networks.map(({ name }) => name).join(", ") || "none";
    throw new NetworkError(
      "network/no-port-mapping",
      `Cannot map ports of the pod: no network of it maps ports (${names})`,
      {
        hint: 'add --net default, or give a network the plugin "portmap" with "capabilities": {"portMappings": true}',
      },
    );
  }
  return { networkIndex, portMappings: ports.map(toMapping) };
}

function toMapping({ hostIp, hostPort, podPort, protocol }: HostPort): PortMapping {
  return { hostPort, containerPort: podPort, protocol, ...(hostIp !== "" && { hostIP: hostIp }) };
}

function readSockets(proc: Files): BoundSocket[] {
  return (["tcp", "tcp6", "udp", "udp6"] as const).flatMap((table) => {
    const rel = `net/${table}`;
    if (!proc.has(rel)) return []; // A kernel without IPv6 has no tcp6 and udp6.
    return parseProcSockets(proc.readText(rel, PROC_LIMIT_BYTES), table.startsWith("tcp") ? "tcp" : "udp");
  });
}

function assertAddress({ hostIp, hostPort }: HostPort): void {
  if (hostIp === "" || parseIpHex(hostIp) !== undefined) return;
  throw new NetworkError("network/bad-args", `Cannot map host port ${hostPort}: "${hostIp}" is not an IP address`, {
    hint: "write the address of an interface of this host, or leave it out",
  });
}

function isClash(a: HostPort, b: HostPort): boolean {
  return a.protocol === b.protocol && a.hostPort === b.hostPort && isSameReach(toHex(a.hostIp), toHex(b.hostIp));
}

function isSocketClash(socket: BoundSocket, port: HostPort): boolean {
  if (socket.protocol !== port.protocol || socket.port !== port.hostPort) return false;
  return isSameReach(socket.addressHex.replace(/^0{20}f{4}/, ""), toHex(port.hostIp));
}

/** "" for every address; an unspecified one ("0.0.0.0", "::") counts as every address of both families. */
function toHex(hostIp: string): string {
  return parseIpHex(hostIp) ?? "";
}

function isSameReach(a: string, b: string): boolean {
  return /^0*$/.test(a) || /^0*$/.test(b) || a === b;
}

function portTaken(port: HostPort, who: string, by: string): NetworkError {
  const where =
    port.hostIp === "" ? `${port.hostPort}/${port.protocol}` : `${port.hostIp}:${port.hostPort}/${port.protocol}`;
  return new NetworkError("network/port-taken", `Cannot map host port "${where}": ${who} has it`, {
    hint: `choose another host port${by === "host" ? `, or find the program: ss -lnp sport = :${port.hostPort}` : ""}`,
    data: { hostIp: port.hostIp, hostPort: port.hostPort, protocol: port.protocol, by },
  });
}
