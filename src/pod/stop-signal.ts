import { constants } from "node:os";

const SIGTERM = 15;
const MAX_SIGNAL = 64;

/**
 * Number of a stop signal as images name it: `SIGINT`, `INT` or `2`; also `SIGRTMIN+3`. What is no signal is SIGTERM, as
 * for an image that names none. Spec: OCI image-spec v1.1.0, config.md "StopSignal".
 */
export function signalNumber(text: string): number {
  const name = text.toUpperCase().replace(/^SIG/, "");
  const [, plus] = /^RTMIN\+([0-9]{1,2})$/.exec(name) ?? [];
  const number = /^[0-9]{1,2}$/.test(name)
    ? Number(name)
    : plus === undefined
      ? byName(`SIG${name}`)
      : 34 + Number(plus);
  return number >= 1 && number <= MAX_SIGNAL ? number : SIGTERM;
}

function byName(name: string): number {
  return new Map<string, number>(Object.entries(constants.signals)).get(name) ?? SIGTERM;
}
