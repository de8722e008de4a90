import type { AppName } from "../../pod/names.ts";
import type { AppExit } from "../../pod/stage1-contract.ts";

/** What the guest has said about its apps. It is the guest's word: bounded, and nothing on the host depends on it. */
export interface GuestStatus {
  readonly started: ReadonlySet<string>;
  readonly exits: ReadonlyMap<string, AppExit>;
  /** Exit code of the first app that failed. */
  readonly failure?: number;
}

/** As much of the status file as is ever looked at. */
export const MAX_STATUS_BYTES = 64 * 1024;

/** Reads the lines \`started APP\` and \`exited APP CODE RESULT SECONDS\`; others are passed over. The first of a kind counts. */
export function parseGuestStatus(text: string, knownApps: readonly AppName[], nowMs: number): GuestStatus {
  const apps = new Set<string>(knownApps);
  const started = new Set<string>();
  const exits = new Map<string, AppExit>();
  let failure: number | undefined;
  for (const line of text.slice(0, MAX_STATUS_BYTES).split("\n")) {
    const [word, app = "", code, result, seconds] = line.split(" ");
    if (!apps.has(app)) continue;
    if (word === "started") started.add(app);
    if (word !== "exited" || exits.has(app) || !/^\d{1,3}$/.test(code ?? "") || Number(code) > 255) continue;
    const exitCode = Number(code);
    const saidMs = /^\d{1,10}$/.test(seconds ?? "") ? Number(seconds) * 1000 : nowMs;
    exits.set(app, { exitCode, oomKilled: result === "oom-kill", exitedAtMs: Math.min(saidMs, nowMs) });
    if (exitCode !== 0) failure ??= exitCode;
  }
  return { started, exits, ...(failure === undefined ? {} : { failure }) };
}
