import { EngineError, formatReason } from "../../base/errors.ts";
import { SysError } from "../errors.ts";
import { redactUrl } from "./redact-url.ts";

const TLS_CODE = /CERT|TLS|SSL|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH|ALTNAME/;
const DNS_CODE = /ENOTFOUND|EAI_|DNS/;

/** Translates a failure of fetch or of reading a body; aborts by the caller and engine errors pass through. */
export function httpError(reason: unknown, url: string, signal?: AbortSignal): unknown {
  if (reason instanceof EngineError || (signal?.aborted && reason === signal.reason)) return reason;
  if (signal?.aborted) return signal.reason;
  const shown = redactUrl(url);
  const code = codeOf(reason);
  const details = { cause: redactedCause(reason, url, shown), data: { url: shown, reason: code } };
  if (code === "EPROTO" || code === "ERR_SSL_WRONG_VERSION_NUMBER") {
    return new SysError("sys/http-failed", `Cannot reach "${shown}": the server does not speak https`, {
      ...details,
      hint: "if it speaks plain http and you accept that: --insecure-options=http",
    });
  }
  if (TLS_CODE.test(code)) {
    return new SysError("sys/http-tls", `Cannot trust the server of "${shown}": ${code}`, {
      ...details,
      hint: "name the server's certificate authority with --ca-file, or check the host name",
    });
  }
  if (DNS_CODE.test(code)) {
    return new SysError("sys/http-failed", `Cannot find the host of "${shown}": ${code}`, {
      ...details,
      hint: "check the name, and the DNS settings of this machine",
    });
  }
  const state = /ConnectionRefused|ECONNREFUSED/.test(code) ? "the connection was refused" : code;
  return new SysError("sys/http-failed", `Cannot reach "${shown}": ${state}`, details);
}

function codeOf(reason: unknown): string {
  if (reason instanceof Error && "code" in reason && typeof reason.code === "string") return reason.code;
  return reason instanceof Error ? reason.name : "unknown reason";
}

/** Foreign errors may quote the URL with its secrets; only their redacted text is kept. */
function redactedCause(reason: unknown, url: string, shown: string): string {
  return formatReason(reason).replaceAll(url, shown);
}
