import { dlopen, FFIType } from "bun:ffi";
import { SIGALRM } from "./constants.ts";
import { cString } from "./libc.ts";

/**
 * Signals caught without JavaScript, whose own handlers forget with execve(2) what they have not told yet. No code of ours
 * can run in a handler, so alarm(2) itself is one: the kernel keeps the signal's number as the seconds of the process's
 * one timer. Of several signals the last counts; one that is not taken in that time becomes SIGALRM.
 */
export interface SignalCatcher {
  /** From now on these are kept. */
  remember(signals: readonly number[]): void;
  /** One that has come since, if any. What comes between this call and execve(2) is SIGALRM for the new program, as many seconds later. */
  take(): number | undefined;
}

/** Catches nothing yet. */
export function catchSignals(): SignalCatcher {
  const { symbols } = dlopen("libc.so.6", {
    alarm: { args: [FFIType.u32], returns: FFIType.u32 },
    dlsym: { args: [FFIType.u64, FFIType.ptr], returns: FFIType.u64 },
    signal: { args: [FFIType.i32, FFIType.u64], returns: FFIType.u64 },
  });
  const handle = (signals: readonly number[], name: string) => {
    const handler = symbols.dlsym(0n, cString(name));
    for (const signal of signals) symbols.signal(signal, handler);
  };
  handle([SIGALRM], "alarm"); // comes again later when nobody has taken the signal in time
  return {
    remember: (signals) => handle(signals, "alarm"),
    take: () => {
      const seconds = symbols.alarm(0);
      return seconds === 0 ? undefined : seconds;
    },
  };
}
