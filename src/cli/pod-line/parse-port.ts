import { isIpAddress } from "../../network/ip-address.ts";
import type { PortOption } from "../../pod/options.ts";
import { usageError } from "../errors.ts";

const PATTERN =
  /^(?:(\[[0-9a-fA-F:.%]+\]|\d+\.[0-9.]+):)?(\d{1,5})(?:-(\d{1,5}))?(?::(\d{1,5})(?:-(\d{1,5}))?)?(?:\/([a-z]+))?$/;

/** `[IP:]HOST:POD[/PROTO]`, with ranges of equal length; IPv6 addresses in brackets. @throws {CliError} "cli/usage". */
export function parsePort(text: string): PortOption[] {
  const match = PATTERN.exec(text);
  if (match === null) throw badPort(text, "write [IP:]HOST:POD[/tcp|udp|sctp], as 8080:80 or 127.0.0.1:5353:53/udp");
  const [, ip = "", hostFirst = "", hostLast, podFirst, podLast, protocol = "tcp"] = match;
  if (protocol !== "tcp" && protocol !== "udp" && protocol !== "sctp") throw badPort(text, "use tcp, udp or sctp");
  const hostIp = ip.replace(/^\[|\]$/g, "");
  if (hostIp !== "" && !isIpAddress(hostIp)) throw badPort(text, "write a numeric address");
  if (podFirst === undefined) throw badPort(text, `name both ports, as ${hostFirst}:${hostFirst}`);
  const host = portRange(text, hostFirst, hostLast);
  const pod = portRange(text, podFirst, podLast);
  if (host.length !== pod.length) throw badPort(text, "give both ranges the same length");
  return host.map((hostPort, index) => ({ hostIp, hostPort, podPort: pod[index] ?? hostPort, protocol }));
}

function portRange(text: string, first: string, last = first): number[] {
  const from = Number(first);
  const to = Number(last);
  if (from < 1 || to > 65535 || to < from) throw badPort(text, "use ports from 1 to 65535, the smaller first");
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

function badPort(text: string, hint: string) {
  return usageError(`Cannot read port "${text.slice(0, 200)}"`, hint);
}
