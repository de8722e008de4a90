import { EngineError } from "../base/errors.ts";

/** Closed set of failures of the host itself. `sys/errno` carries `data.errno` (name) and `data.syscall`. */
export type SysErrorCode =
  | "sys/errno"
  | "sys/not-found"
  | "sys/exists"
  | "sys/no-space"
  | "sys/permission"
  | "sys/too-large"
  | "sys/bad-path"
  | "sys/locked"
  | "sys/program-failed"
  | "sys/program-missing"
  | "sys/timeout"
  | "sys/http-failed"
  | "sys/http-tls"
  | "sys/unsupported";

/** A refusal or failure by the kernel, the file system, a child process or the network. */
export class SysError extends EngineError<SysErrorCode> {}
