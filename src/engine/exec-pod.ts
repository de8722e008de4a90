import { mergeEnv } from "../pod/environment.ts";
import { PodError } from "../pod/errors.ts";
import type { PodManifest } from "../pod/manifest.ts";
import type { AppName } from "../pod/names.ts";
import { readPodManifest } from "../pod/pod-store.ts";
import { readResolvedApp } from "../pod/resolved-app.ts";
import { ENTER_SPEC_VARIABLE, type EnterSpec } from "../stage1/enter-spec.ts";
import { Stage1Error } from "../stage1/errors.ts";
import type { Files } from "../sys/host.ts";
import { bindMount, enterPrivateMountNamespace } from "../sys/linux/mounts.ts";
import { execve } from "../sys/linux/process-calls.ts";
import { readProcStat } from "../sys/linux/process-stat.ts";
import { selfArgv } from "../sys/linux/self.ts";
import { isTerminal } from "../sys/terminal.ts";
import type { EngineContext } from "./context.ts";
import { findStage1 } from "./regimes.ts";
import type { ExecInput } from "./use-cases.ts";

const MAX_LOOKS = 20;
const LOOK_PAUSE_MS = 20;

/**
 * `exec`, first half: decides what to run where, reports it, and starts this program again for the second half, from a
 * read-only mount of itself: inside, nobody can write to the program through /proc. Does not return.
 * @throws {PodError} "pod/wrong-state", "pod/unknown-app"; {Stage1Error} "stage1/not-running"
 */
export function execInPod(ctx: EngineContext, input: ExecInput): never {
  const location = ctx.pods.find(input.pod);
  const files = ctx.pods.files(location);
  const manifest = readPodManifest(files);
  if (manifest === undefined || location.dir !== "run" || ctx.pods.state(location) !== "running") {
    throw new PodError(
      "pod/wrong-state",
      `Cannot run a program in pod ${location.id}: it is ${ctx.pods.state(location)}`,
      {
        hint: "start a pod first: gantry run -d IMAGE",
      },
    );
  }
  const app = chooseApp(manifest, input.app);
  const pid = findAppPid(manifest, { files, app: app.name });
  const stat = pid === undefined ? undefined : readProcStat(pid);
  if (stat === undefined) {
    throw new Stage1Error("stage1/not-running", `Cannot run a program in app "${app.name}": it is not running`, {
      hint: `see how it ended: gantry status ${input.pod}`,
    });
  }
  const resolved = readResolvedApp(files, app.name);
  const spec: EnterSpec = {
    pid: stat.pid,
    startTicks: stat.startTicks,
    argv: input.argv,
    env: mergeEnv(resolved.env, input.tty ? ["TERM=xterm"] : [], input.env),
    ...(input.user === undefined ? {} : { user: input.user }),
    workingDir: input.workingDir ?? app.workingDir,
    tty: input.tty,
    interactive: input.interactive,
    app: app.name,
    own: resolved.credentials,
    capabilities: app.capabilities,
    noNewPrivileges: app.noNewPrivileges,
    seccomp: app.seccomp,
  };
  ctx.events.report({
    type: "pod.exec",
    pod: manifest.uuid,
    app: app.name,
    argv: input.argv,
    ...(input.user === undefined ? {} : { user: input.user }),
    ...terminalOf(ctx, input),
    image: { name: app.image.name, digest: app.image.digest },
  });
  return reexecute(spec);
}

/** The kernel's list of children may leave one out while another ends: a missing app is looked for again, unless it has ended. */
function findAppPid(
  manifest: PodManifest,
  { files, app }: { readonly files: Files; readonly app: AppName },
): number | undefined {
  const stage1 = findStage1(manifest.stage1.regime);
  for (let look = 0; look < MAX_LOOKS; look += 1) {
    const pid = stage1.appPid(files, { id: manifest.uuid, app });
    if (pid !== undefined || stage1.appExit(files, app) !== undefined) return pid;
    Bun.sleepSync(LOOK_PAUSE_MS);
  }
  return undefined;
}

/** `exec`, second half, in a process of its own. Returns the exit code. */
export async function execInside(ctx: EngineContext): Promise<number> {
  const { enterApp } = await import("../stage1/enter.ts");
  const text = ctx.env[ENTER_SPEC_VARIABLE];
  if (text === undefined) {
    throw new Stage1Error("stage1/enter-failed", "Cannot enter an app: this command is for internal use", {
      hint: "use gantry exec",
    });
  }
  // Written by `reexecute` a moment ago, in an environment only root could set.
  return await enterApp(JSON.parse(text) as EnterSpec);
}

/** The caller's terminal by name, when the program gets it. */
function terminalOf(ctx: EngineContext, input: ExecInput): { readonly terminal?: string } {
  if (!input.tty || !isTerminal(0)) return {};
  return { terminal: ctx.proc.readLink("self/fd/0") };
}

function chooseApp(manifest: PodManifest, name: string | undefined): PodManifest["apps"][number] {
  const [first, second] = manifest.apps;
  const found = name === undefined && second === undefined ? first : manifest.apps.find((app) => app.name === name);
  if (found !== undefined) return found;
  const names = manifest.apps.map((app) => app.name).join(", ");
  const what = name === undefined ? "it has several apps" : `it has no app "${name}"`;
  throw new PodError("pod/unknown-app", `Cannot tell where to run a program in pod ${manifest.uuid}: ${what}`, {
    hint: `choose one with --app: ${names}`,
  });
}

function reexecute(spec: EnterSpec): never {
  const self = selfArgv();
  enterPrivateMountNamespace({ receive: true });
  bindMount({ source: self[0], target: self[0], readOnly: true });
  const env = { PATH: process.env["PATH"] ?? "/usr/bin:/bin", [ENTER_SPEC_VARIABLE]: JSON.stringify(spec) };
  return execve(self[0], [...self, "__exec"], env);
}
