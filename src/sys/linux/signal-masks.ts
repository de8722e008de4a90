import { readFileSync } from "node:fs";

/**
 * Whether a signal from outside has any effect on a process: always, except for the PID 1 of a namespace that neither
 * handles, blocks nor ignores it. Spec: pid_namespaces(7), "The namespace init process".
 */
export function canReceiveSignal(pid: number, signal: number): boolean {
  let status: string;
  try {
    status = readFileSync(`/proc/${pid}/status`, "latin1");
  } catch {
    return true; // ended meanwhile
  }
  const field = (name: string) => {
    const line = status.split("\n").find((one) => one.startsWith(`${name}:`));
    return line?.slice(name.length + 1).trim() ?? "";
  };
  const isInit = field("NSpid").split(/\s+/).length > 1 && field("NSpid").endsWith("\t1");
  if (!isInit) return true;
  const waits = ["SigCgt", "SigBlk", "SigIgn"].some(
    (name) => ((BigInt(`0x${field(name) || "0"}`) >> BigInt(signal - 1)) & 1n) === 1n,
  );
  return waits;
}
