/** Signal numbers of Linux by name without SIG. Spec: signal(7). */
const SIGNALS: Readonly<Record<string, number>> = {
  HUP: 1,
  INT: 2,
  QUIT: 3,
  ILL: 4,
  TRAP: 5,
  ABRT: 6,
  IOT: 6,
  BUS: 7,
  FPE: 8,
  KILL: 9,
  USR1: 10,
  SEGV: 11,
  USR2: 12,
  PIPE: 13,
  ALRM: 14,
  TERM: 15,
  STKFLT: 16,
  CHLD: 17,
  CONT: 18,
  STOP: 19,
  TSTP: 20,
  TTIN: 21,
  TTOU: 22,
  URG: 23,
  XCPU: 24,
  XFSZ: 25,
  VTALRM: 26,
  PROF: 27,
  WINCH: 28,
  IO: 29,
  POLL: 29,
  PWR: 30,
  SYS: 31,
}; // prettier-ignore

const SIGTERM = 15;
const RTMIN = 34;
const RTMAX = 64;

/** Number of a stop signal as images write it: `SIGTERM`, `term`, `15`, `SIGRTMIN+3`; SIGTERM for none or nonsense. */
export function signalNumber(text: string): number {
  const name = text.trim().toUpperCase().replace(/^SIG/, "");
  if (/^\d{1,2}$/.test(name)) return inRange(Number(name));
  const [, base, sign, offset] = /^(RTMIN|RTMAX)(?:([+-])(\d{1,2}))?$/.exec(name) ?? [];
  if (base !== undefined) {
    const shift = Number(offset ?? 0) * (sign === "-" ? -1 : 1);
    return inRange((base === "RTMIN" ? RTMIN : RTMAX) + shift);
  }
  return SIGNALS[name] ?? SIGTERM;
}

function inRange(number: number): number {
  return number >= 1 && number <= RTMAX ? number : SIGTERM;
}
