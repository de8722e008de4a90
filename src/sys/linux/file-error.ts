import { EngineError } from "../../base/errors.ts";
import { SysError } from "../errors.ts";
import { explainErrno, sysCodeOf } from "./libc.ts";

/** Runs `work` and translates what node:fs throws into SysError. `doing` is a verb with its object: `read "/x"`. */
export function withFileErrors<T>(doing: string, work: () => T): T {
  try {
    return work();
  } catch (reason) {
    throw fileError(reason, doing);
  }
}

/** Translates a failure of node:fs (or of a system call) once; engine errors with another meaning pass through. */
export function fileError(reason: unknown, doing: string): EngineError {
  if (reason instanceof SysError && typeof reason.data["errno"] !== "string") return reason;
  if (reason instanceof EngineError && !(reason instanceof SysError)) return reason;
  const errno = errnoOf(reason);
  const state = errno === undefined ? String(reason) : explainErrno(errno);
  return new SysError(errno === undefined ? "sys/errno" : sysCodeOf(errno), `Cannot ${doing}: ${state}`, {
    ...hintFor(errno),
    data: { errno: errno ?? "unknown" },
    cause: reason,
  });
}

function errnoOf(reason: unknown): string | undefined {
  if (reason instanceof SysError) return String(reason.data["errno"]);
  if (!(reason instanceof Error) || !("code" in reason)) return undefined;
  return typeof reason.code === "string" ? reason.code : undefined;
}

function hintFor(errno: string | undefined): { readonly hint?: string } {
  if (errno === "ENOSPC" || errno === "EDQUOT")
    return { hint: "free some space (gantry image gc, gantry gc) and try again" };
  if (errno === "EACCES" || errno === "EPERM") return { hint: "run as root, or choose another --root" };
  return {};
}
