import { NetworkError } from "./errors.ts";
import { parseIpHex } from "./ip-address.ts";

/** What goes into a pod's hosts file besides localhost. */
export interface HostsInput {
  /** Addresses of the pod, with or without prefix length. */
  readonly podIps: readonly string[];
  readonly hostname: string;
  /** The pod's own name, when it has one. */
  readonly podName?: string;
  /** Further lines, as the user asked for them. */
  readonly entries: readonly { readonly ip: string; readonly host: string }[];
}

const MAX_ENTRIES = 1024;

/**
 * Text of the pod's hosts file: localhost of both families, the pod under each of its addresses (127.0.1.1 without any, so
 * that its own name always resolves), then the user's entries.
 * @throws {NetworkError} "network/bad-dns" for what would break the file or smuggle a line into it.
 */
export function planHostsFile(input: HostsInput): string {
  if (input.entries.length > MAX_ENTRIES) throw badHosts(`more than ${MAX_ENTRIES} entries`);
  const names = [...new Set([input.hostname, ...(input.podName === undefined ? [] : [input.podName])])];
  const ips = input.podIps.map((address) => address.replace(/\/\d{1,3}$/, ""));
  const own = (ips.length > 0 ? ips : ["127.0.1.1"]).map((ip) => formatLine(ip, names));
  const extra = input.entries.map(({ ip, host }) => formatLine(ip, [host]));
  const fixed = ["127.0.0.1\tlocalhost\n", "::1\tlocalhost ip6-localhost ip6-loopback\n"];
  return [...fixed, ...own, ...extra].join("");
}

function formatLine(ip: string, names: readonly string[]): string {
  if (parseIpHex(ip) === undefined) throw badHosts(`"${ip}" is not an IP address`);
  const bad = names.find((name) => !/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}$/.test(name));
  if (bad !== undefined) throw badHosts(`"${bad}" is not a host name`);
  return `${ip}\t${names.join(" ")}\n`;
}

function badHosts(reason: string): NetworkError {
  return new NetworkError("network/bad-dns", `Cannot write hosts file of the pod: ${reason}`, {
    hint: "write --hosts-entry IP=NAME with letters, digits, _ . - in the name",
  });
}
