import { UseCaseError } from "./errors.ts";

/** Where a server listens. */
export interface ListenAddress {
  readonly hostname: string;
  readonly port: number;
}

/** `ADDRESS:PORT`, IPv6 in brackets; port 0 for any. @throws {UseCaseError} "engine/bad-input" */
export function parseListen(text: string): ListenAddress {
  const [, hostname, port] = /^(.+):([0-9]{1,5})$/.exec(text) ?? [];
  if (hostname !== undefined && Number(port) <= 65_535)
    return { hostname: hostname.replace(/^\[|\]$/g, ""), port: Number(port) };
  throw new UseCaseError("engine/bad-input", `Cannot listen on "${text}": it is no address and port`, {
    hint: "write it as 127.0.0.1:8080 or [::1]:8080",
  });
}
