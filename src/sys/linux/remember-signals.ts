import { dlopen, FFIType } from "bun:ffi";
import { cString } from "./libc.ts";

/** Signals caught without JavaScript, whose own handlers forget with execve(2) what they have not told yet. */
export interface RememberedSignals {
  /** One that has come since, if any. One that comes between this call and execve(2) is SIGALRM for the new program, seconds later. */
  take(): number | undefined;
}

/**
 * From now on a signal of `remembered` is kept, one of `dropped` does nothing. No code of ours can run in a handler, so
 * alarm(2) itself is the handler: the kernel keeps the signal's number as the seconds of the process's one timer.
 */
export function rememberSignals(remembered: readonly number[], dropped: readonly number[]): RememberedSignals {
  const { symbols } = dlopen("libc.so.6", {
    alarm: { args: [FFIType.u32], returns: FFIType.u32 },
    dlsym: { args: [FFIType.u64, FFIType.ptr], returns: FFIType.u64 },
    signal: { args: [FFIType.i32, FFIType.u64], returns: FFIType.u64 },
  });
  const handle = (signals: readonly number[], name: string) => {
    const handler = symbols.dlsym(0n, cString(name));
    for (const signal of signals) symbols.signal(signal, handler);
  };
  handle(remembered, "alarm");
  handle(dropped, "getpid");
  return {
    take: () => {
      const seconds = symbols.alarm(0);
      return seconds === 0 ? undefined : seconds;
    },
  };
}
