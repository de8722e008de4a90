/** A socket of the host that receives from anywhere: listening TCP, bound UDP. */
export interface BoundSocket {
  readonly protocol: "tcp" | "udp";
  /** Lower-case hex of the address in network order: 8 characters for IPv4, 32 for IPv6. */
  readonly addressHex: string;
  readonly port: number;
}

/** Socket states that take packets from strangers; a connected UDP socket (01) does not. */
const RECEIVING = { tcp: "0A", udp: "07" } as const;

/**
 * Reads the text of `/proc/net/tcp`, `tcp6`, `udp` or `udp6`. Lines it does not understand are skipped, as are
 * connected sockets. Spec: proc(5), "/proc/net/tcp".
 */
export function parseProcSockets(text: string, protocol: "tcp" | "udp"): BoundSocket[] {
  return text.split("\n").flatMap((line) => {
    const [, address, port, state] =
      /^\s*\d+: ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) \S+ ([0-9A-F]{2}) /.exec(line) ?? [];
    if (address === undefined || port === undefined || state !== RECEIVING[protocol]) return [];
    return [{ protocol, addressHex: toNetworkOrder(address), port: Number.parseInt(port, 16) }];
  });
}

/** The kernel prints each 32-bit word of an address in the order of the machine, which is little-endian wherever we run. */
function toNetworkOrder(hex: string): string {
  const words = hex.match(/.{8}/g) ?? [];
  return words
    .map((word) => (word.match(/../g) ?? []).toReversed().join(""))
    .join("")
    .toLowerCase();
}
