/** What `ip -json` tells of one interface; only what is used. */
interface LinkInfo {
  readonly ifname: string;
  readonly address: string;
  readonly mtu: number;
  readonly link_type: string;
  readonly flags?: readonly string[];
  readonly addr_info?: readonly {
    readonly family: string;
    readonly local: string;
    readonly prefixlen: number;
    readonly scope: string;
  }[];
}

interface RouteInfo {
  readonly dst: string;
  readonly gateway?: string;
  readonly dev?: string;
  readonly scope?: string;
  readonly metric?: number;
  readonly protocol?: string;
}

/** What the pod's network namespace looks like when all networks are joined. */
export interface NamespaceState {
  readonly links: readonly LinkInfo[];
  readonly routes4: readonly RouteInfo[];
  readonly routes6: readonly RouteInfo[];
}

/** A network card of the guest: it gets the frames of an interface of the pod's namespace, and its hardware address. */
export interface GuestCard {
  /** Name of the interface on both sides. */
  readonly name: string;
  readonly mac: string;
  readonly mtu: number;
}

/** The interfaces that networks gave the pod, in order. */
export function planCards(state: NamespaceState): GuestCard[] {
  return state.links
    .filter(
      (link) => link.link_type === "ether" && (link.addr_info?.length ?? 0) > 0 && /^[\w.-]{1,15}$/.test(link.ifname),
    )
    .map((link) => ({ name: link.ifname, mac: link.address, mtu: link.mtu }));
}

/**
 * Arguments of ip(8) that give the guest the same addresses and routes, in an order that works: links, addresses, routes to
 * networks, then those through gateways. Link-local addresses come from the hardware address by themselves.
 */
export function planGuestNetwork(state: NamespaceState): string[][] {
  const cards = planCards(state);
  const names = new Set(cards.map((card) => card.name));
  const commands: string[][] = [["link", "set", "lo", "up"]];
  for (const card of cards) {
    commands.push(["link", "set", "dev", card.name, "mtu", String(card.mtu), "up"]);
    for (const one of state.links.find((link) => link.ifname === card.name)?.addr_info ?? []) {
      if (one.scope !== "global") continue;
      const family = one.family === "inet6" ? "-6" : "-4";
      commands.push([family, "addr", "add", `${one.local}/${one.prefixlen}`, "dev", card.name]);
    }
  }
  const routes = [
    ...state.routes4.map((route) => ({ family: "-4", route })),
    ...state.routes6.map((route) => ({ family: "-6", route })),
  ].filter(({ route }) => route.protocol !== "kernel" && names.has(route.dev ?? "") && !route.dst.startsWith("fe80:"));
  for (const { family, route } of routes.toSorted((a, b) => rank(a.route) - rank(b.route))) {
    const via = route.gateway === undefined ? [] : ["via", route.gateway];
    const metric = route.metric === undefined ? [] : ["metric", String(route.metric)];
    commands.push([family, "route", "add", route.dst, ...via, "dev", route.dev ?? "", ...metric]);
  }
  return commands;
}

function rank(route: RouteInfo): number {
  return route.gateway === undefined ? 0 : 1;
}
