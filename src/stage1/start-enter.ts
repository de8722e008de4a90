import { mergeEnv } from "../pod/environment.ts";
import { readResolvedApp } from "../pod/resolved-app.ts";
import type { EnterInput, HelperInput } from "../pod/stage1-contract.ts";
import type { Files } from "../sys/host.ts";
import { bindMount, enterPrivateMountNamespace } from "../sys/linux/mounts.ts";
import { execve } from "../sys/linux/process-calls.ts";
import { readProcStat } from "../sys/linux/process-stat.ts";
import { selfArgv } from "../sys/linux/self.ts";
import { ENTER_SPEC_VARIABLE, type EnterSpec } from "./enter-spec.ts";
import { Stage1Error } from "./errors.ts";

/** Whose helper does the second half, which process is the app, and what the regime lets it do. */
export interface EnteredApp extends Pick<EnterSpec, "capabilities" | "noNewPrivileges" | "seccomp"> {
  readonly regime: string;
  /** Looks for the app's process once. */
  findPid(): number | undefined;
}

const MAX_LOOKS = 10;
const LOOK_PAUSE_MS = 5;

/**
 * Keeps the JavaScript engine from working in more threads than one: the thread that takes on the app's user may not
 * signal the others, which the engine's collector and compilers do, and the engine would abort.
 */
const ONE_THREAD = {
  BUN_JSC_useConcurrentGC: "0",
  BUN_JSC_useConcurrentJIT: "0",
  BUN_JSC_numberOfGCMarkers: "1",
};

/**
 * First half of entering an app: starts this program again for the second half, from a read-only mount of itself:
 * inside, nobody can write to the program through /proc. Does not return.
 * @throws {Stage1Error} "stage1/not-running"
 */
export async function startEnter(pod: Files, input: EnterInput, entered: EnteredApp): Promise<never> {
  const { app } = input;
  const { regime, capabilities, noNewPrivileges, seccomp } = entered;
  const pid = lookFor(entered.findPid);
  const stat = pid === undefined ? undefined : readProcStat(pid);
  if (stat === undefined) {
    throw new Stage1Error("stage1/not-running", `Cannot run a program in app "${app.name}": it is not running`, {
      hint: `see how it ended: gantry status ${input.manifest.uuid}`,
    });
  }
  const resolved = readResolvedApp(pod, app.name);
  const spec: EnterSpec = {
    pid: stat.pid,
    startTicks: stat.startTicks,
    argv: input.argv,
    env: mergeEnv(resolved.env, input.tty ? ["TERM=xterm"] : [], input.env),
    ...(input.user === undefined ? {} : { user: input.user }),
    workingDir: input.workingDir,
    tty: input.tty,
    interactive: input.interactive,
    app: app.name,
    own: resolved.credentials,
    capabilities,
    noNewPrivileges,
    seccomp,
  };
  const self = selfArgv();
  enterPrivateMountNamespace({ receive: true });
  bindMount({ source: self[0], target: self[0], readOnly: true });
  const env = {
    ...ONE_THREAD,
    PATH: process.env["PATH"] ?? "/usr/bin:/bin",
    [ENTER_SPEC_VARIABLE]: JSON.stringify(spec),
  };
  return execve(self[0], [...self, "__stage1", regime, "enter"], env);
}

/** Second half of entering an app, in a process of its own. Returns the exit code. */
export async function finishEnter({ env }: HelperInput): Promise<number> {
  const text = env[ENTER_SPEC_VARIABLE];
  if (text === undefined) {
    throw new Stage1Error("stage1/enter-failed", "Cannot enter an app: this command is for internal use", {
      hint: "use gantry exec",
    });
  }
  const { enterApp } = await import("./enter.ts");
  // Written by `startEnter` a moment ago, in an environment only root could set.
  return await enterApp(JSON.parse(text) as EnterSpec);
}

// The kernel's list of children may leave one out while another ends.
function lookFor(find: () => number | undefined): number | undefined {
  for (let look = 0; look < MAX_LOOKS; look += 1) {
    const pid = find();
    if (pid !== undefined) return pid;
    Bun.sleepSync(LOOK_PAUSE_MS);
  }
  return undefined;
}
