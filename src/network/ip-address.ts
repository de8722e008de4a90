/**
 * Canonical lower-case hex of an IP address in network order: 8 characters for IPv4 (also when mapped into IPv6), 32 for
 * IPv6. undefined for anything else, zones included.
 */
export function parseIpHex(text: string): string | undefined {
  if (!/^[0-9a-fA-F:.]{2,45}$/.test(text)) return undefined;
  if (!text.includes(":")) return parseIpv4Hex(text);
  const full = text.includes(".") ? embedIpv4(text) : text;
  const hex = full === undefined ? undefined : parseIpv6Hex(full);
  return hex?.startsWith("00000000000000000000ffff") ? hex.slice(24) : hex;
}

/** Whether the text is a numeric address; an IPv6 one may carry a zone (`fe80::1%eth0`). */
export function isIpAddress(text: string): boolean {
  const [address = "", zone] = text.split("%", 2);
  return parseIpHex(address) !== undefined && (zone === undefined || (zone !== "" && address.includes(":")));
}

/** True for addresses that only the machine itself reaches: 127.0.0.0/8 and ::1. */
export function isLoopbackHex(hex: string): boolean {
  return hex.length === 8 ? hex.startsWith("7f") : /^0{31}1$/.test(hex);
}

function parseIpv4Hex(text: string): string | undefined {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256))
    return undefined;
  return parts.map((part) => Number(part).toString(16).padStart(2, "0")).join("");
}

function embedIpv4(text: string): string | undefined {
  const cut = text.lastIndexOf(":") + 1;
  const hex = parseIpv4Hex(text.slice(cut));
  return hex && `${text.slice(0, cut)}${hex.slice(0, 4)}:${hex.slice(4)}`;
}

function parseIpv6Hex(text: string): string | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half) => (half === "" ? [] : half.split(":")));
  const groups = [...(head ?? []), ...(tail ?? [])];
  if (!groups.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return undefined;
  const missing = 8 - groups.length;
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  const zeros = Array.from({ length: missing }, () => "0");
  const all = [...(head ?? []), ...zeros, ...(tail ?? [])];
  return all.map((group) => group.toLowerCase().padStart(4, "0")).join("");
}
