import type { Files } from "../sys/host.ts";

/** What a scripted plugin does for one command. */
export interface PluginAnswer {
  /** Printed as JSON, a string as it is. */
  readonly stdout?: unknown;
  readonly stderr?: string;
  readonly exitCode?: number;
  /** Never ends by itself. */
  readonly hangs?: boolean;
}

/** One recorded call. */
export interface PluginCallRecord {
  readonly command: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string;
  /** Descriptors the plugin found open, besides the standard three. */
  readonly fds: readonly number[];
}

/** A plugin executable made by `createCniPlugin`. */
export interface ScriptedPlugin {
  readonly type: string;
  /** In the order they happened. */
  calls(): PluginCallRecord[];
  /** Changes what later calls of `command` do. */
  answer(command: string, answer: PluginAnswer): void;
}

/**
 * Puts a real executable called `type` into `dir` which records every call's environment, input and descriptors, and answers
 * as told; without an answer it succeeds with an empty result. Works for several plugins in one directory.
 */
export function createCniPlugin(
  dir: Files,
  type: string,
  answers: Readonly<Record<string, PluginAnswer>> = {},
): ScriptedPlugin {
  const state = `${type}.state`;
  dir.ensureDir(`${state}/calls`);
  const answer = (command: string, { stdout, stderr = "", exitCode = 0, hangs = false }: PluginAnswer): void => {
    dir.writeAtomic(
      `${state}/${command}.out`,
      typeof stdout === "string" ? stdout : stdout === undefined ? "" : JSON.stringify(stdout),
    );
    dir.writeAtomic(`${state}/${command}.err`, stderr);
    dir.writeAtomic(`${state}/${command}.sh`, hangs ? "exec sleep 3600\n" : `exit ${exitCode}\n`);
  };
  answer("ADD", { stdout: { cniVersion: "1.0.0" } });
  for (const [command, one] of Object.entries(answers)) answer(command, one);
  dir.writeAtomic(type, pluginScript(dir.path(state)), 0o755);
  return { type, answer, calls: () => readCalls(dir.sub(`${state}/calls`)) };
}

function pluginScript(state: string): string {
  return `#!/bin/sh
call="${state}/calls/$(date +%s%N)-$$"
/usr/bin/env > "$call.env"
ls "/proc/$$/fd" > "$call.fds"
cat > "$call.stdin"
answer="${state}/$CNI_COMMAND"
if [ -e "$answer.sh" ]; then
  cat "$answer.out"
  cat "$answer.err" >&2
  . "$answer.sh"
fi
exit 0
`;
}

function readCalls(calls: Files): PluginCallRecord[] {
  const names = calls.list("").filter((name) => name.endsWith(".env"));
  return names.map((name) => {
    const base = name.slice(0, -".env".length);
    const pairs = calls
      .readText(name)
      .split("\n")
      .map((line) => /^([A-Z_]+)=(.*)$/.exec(line) ?? []);
    const env = Object.fromEntries(pairs.flatMap(([, key, value]) => (key === undefined ? [] : [[key, value ?? ""]])));
    const fds = calls
      .readText(`${base}.fds`)
      .split("\n")
      .map(Number)
      .filter((fd) => fd > 2 && fd !== 10 && fd < 200);
    return { command: env["CNI_COMMAND"] ?? "", env, stdin: calls.readText(`${base}.stdin`), fds };
  });
}
