import { NetworkError } from "./errors.ts";
import { isLoopbackHex, parseIpHex } from "./ip-address.ts";
import type { ResultDns } from "./result.ts";

/** All that has a say in a pod's name resolution. */
export interface ResolvConfInput {
  /** `host` copies the host's file, `none` writes none, a list is used as given; undefined: from the networks, then the host. */
  readonly servers?: readonly string[] | "host" | "none";
  readonly search: readonly string[];
  readonly options: readonly string[];
  /** Of the pod's networks, in their order. */
  readonly networks: readonly ResultDns[];
  /** The pod uses the host's network namespace, where loopback resolvers answer. */
  readonly isHostNetwork: boolean;
  /** `/etc/resolv.conf`; undefined when there is none. */
  readonly hostResolvConf?: string;
  /** `/run/systemd/resolve/resolv.conf`: the real resolvers behind systemd-resolved's loopback stub. */
  readonly systemdResolvConf?: string;
}

const MAX_ENTRIES = 32;
const LIMIT_CHARS = 64 * 1024;
const DOMAIN = /^(\.|[A-Za-z0-9_.-]{1,253})$/;
const OPTION = /^[a-z0-9-]+(:\d{1,5})?$/;

/**
 * Text of the pod's resolv.conf, or undefined for "leave the image's alone". Precedence: the user's servers, then the first
 * network that names any, then the host's own file. A pod in its own namespace cannot reach resolvers on the host's loopback:
 * those lines go, and when none is left the file behind systemd-resolved is taken instead. The user's search domains and
 * options replace those of the source.
 * @throws {NetworkError} "network/bad-dns"
 */
export function planResolvConf(input: ResolvConfInput): string | undefined {
  if (input.servers === "none") return undefined;
  const source = chooseSource(input);
  const search = input.search.length > 0 ? input.search : source.search;
  const options = input.options.length > 0 ? input.options : source.options;
  for (const one of source.nameservers) assertWord("server", one, isServer(one));
  for (const one of search) assertWord("search domain", one, DOMAIN.test(one));
  for (const one of options) assertWord("option", one, OPTION.test(one));
  for (const list of [source.nameservers, search, options]) {
    if (list.length > MAX_ENTRIES) throw badDns(`it has more than ${MAX_ENTRIES} entries of one kind`);
  }
  const lines = [
    ...source.nameservers.map((server) => `nameserver ${server}`),
    ...(search.length > 0 ? [`search ${search.join(" ")}`] : []),
    ...(options.length > 0 ? [`options ${options.join(" ")}`] : []),
  ];
  return lines.map((line) => `${line}\n`).join("");
}

function chooseSource(input: ResolvConfInput): ResultDns {
  if (Array.isArray(input.servers) && input.servers.length > 0)
    return { nameservers: input.servers, search: [], options: [] };
  const network =
    input.servers === "host" ? undefined : input.networks.find(({ nameservers }) => nameservers.length > 0);
  if (network === undefined) return chooseHostSource(input);
  const search = network.search.length > 0 || network.domain === undefined ? network.search : [network.domain];
  return { nameservers: network.nameservers, search, options: network.options };
}

function chooseHostSource(input: ResolvConfInput): ResultDns {
  const own = parseResolvConf(input.hostResolvConf ?? "");
  if (input.isHostNetwork) return own;
  const reachable = own.nameservers.filter(isReachable);
  if (reachable.length > 0) return { ...own, nameservers: reachable };
  const behind = parseResolvConf(input.systemdResolvConf ?? "");
  return { ...behind, nameservers: behind.nameservers.filter(isReachable) };
}

function isReachable(server: string): boolean {
  const hex = parseIpHex(server);
  return hex !== undefined && !isLoopbackHex(hex);
}

/** Reads what we carry over; damaged lines of the host's file are skipped as the resolver itself does. Spec: resolv.conf(5). */
function parseResolvConf(text: string): ResultDns {
  const nameservers: string[] = [];
  let search: string[] = [];
  const options: string[] = [];
  for (const line of text.slice(0, LIMIT_CHARS).split("\n").slice(0, 1000)) {
    const [keyword, ...words] = line
      .replace(/^[#;].*$/, "")
      .trim()
      .split(/\s+/);
    const [first] = words;
    if (keyword === "nameserver" && first !== undefined && isServer(first)) nameservers.push(first);
    else if (keyword === "search" || keyword === "domain") search = words.filter((one) => DOMAIN.test(one));
    else if (keyword === "options") options.push(...words.filter((one) => OPTION.test(one)));
  }
  return {
    nameservers: nameservers.slice(0, MAX_ENTRIES),
    search: search.slice(0, MAX_ENTRIES),
    options: options.slice(0, MAX_ENTRIES),
  };
}

/** An address, for link-local ones with a zone behind it. */
function isServer(text: string): boolean {
  return parseIpHex(text.replace(/%[A-Za-z0-9_.-]{1,15}$/, "")) !== undefined;
}

function assertWord(kind: string, word: string, isGood: boolean): void {
  if (!isGood) throw badDns(`${kind} "${word.slice(0, 260)}" is not valid`);
}

function badDns(reason: string): NetworkError {
  return new NetworkError("network/bad-dns", `Cannot write resolv.conf of the pod: ${reason}`, {
    hint: "correct --dns, --dns-search, --dns-opt or the dns part of the network",
  });
}
