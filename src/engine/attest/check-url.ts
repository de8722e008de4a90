import { isIP } from "node:net";
import type { EngineContext } from "../context.ts";
import { UseCaseError } from "../errors.ts";

const CLOSE_BY = new Set(["localhost", "127.0.0.1", "[::1]"]);

/**
 * The address without the slash at its end: https, or plain http within this machine.
 * @throws {UseCaseError} "engine/bad-input"
 */
export function assertSafeUrl(ctx: EngineContext, url: string, purpose: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const isWeb = parsed?.protocol === "https:" || parsed?.protocol === "http:";
  if (parsed === undefined || !isWeb || parsed.username !== "" || parsed.hash !== "") {
    throw new UseCaseError("engine/bad-input", `Cannot ${purpose}: "${url.slice(0, 200)}" is no address`, {
      hint: "write it as https://HOST:PORT",
    });
  }
  const isClose = CLOSE_BY.has(parsed.hostname) || (isIP(parsed.hostname) === 4 && parsed.hostname.startsWith("127."));
  if (parsed.protocol === "https:" || isClose || ctx.options.insecureOptions.has("http"))
    return url.replace(/\/+$/, "");
  throw new UseCaseError("engine/bad-input", `Cannot ${purpose}: over plain http others could read along`, {
    hint: "use a certificate, or accept that with --insecure-options=http",
  });
}
