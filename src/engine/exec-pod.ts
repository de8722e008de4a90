import { PodError } from "../pod/errors.ts";
import type { PodManifest } from "../pod/manifest.ts";
import type { AppName, PodId } from "../pod/names.ts";
import type { Stage1 } from "../pod/stage1-contract.ts";
import { Stage1Error } from "../stage1/errors.ts";
import type { Files } from "../sys/host.ts";
import { isTerminal } from "../sys/terminal.ts";
import type { EngineContext } from "./context.ts";
import { findHelper } from "./regimes.ts";
import { findRunningPod } from "./running-pod.ts";
import type { ExecInput } from "./use-cases.ts";

const MAX_LOOKS = 20;
const LOOK_PAUSE_MS = 20;

/**
 * `exec`: decides what to run where, reports it, and hands over to the regime. Returns the program's exit code.
 * @throws {PodError} "pod/wrong-state", "pod/unknown-app"; {Stage1Error} "stage1/not-running"
 */
export async function execInPod(ctx: EngineContext, input: ExecInput): Promise<number> {
  const { files, manifest, stage1 } = findRunningPod(ctx, input.pod, "run a program in");
  const app = chooseApp(manifest, { name: input.app, what: "run a program" });
  if (!isRunning(stage1, { files, id: manifest.uuid, app: app.name })) {
    throw new Stage1Error("stage1/not-running", `Cannot run a program in app "${app.name}": it is not running`, {
      hint: `see how it ended: gantry status ${input.pod}`,
    });
  }
  ctx.events.report({
    type: "pod.exec",
    pod: manifest.uuid,
    app: app.name,
    argv: input.argv,
    ...(input.user === undefined ? {} : { user: input.user }),
    ...terminalOf(ctx, input),
    image: { name: app.image.name, digest: app.image.digest },
  });
  return await stage1.enter(files, {
    manifest,
    app,
    argv: input.argv,
    env: input.env,
    ...(input.user === undefined ? {} : { user: input.user }),
    workingDir: input.workingDir ?? app.workingDir,
    tty: input.tty,
    interactive: input.interactive,
  });
}

/** The kernel's list of children may leave one out while another ends: a missing app is looked for again, unless it has ended. */
function isRunning(
  stage1: Stage1,
  { files, id, app }: { readonly files: Files; readonly id: PodId; readonly app: AppName },
): boolean {
  for (let look = 0; look < MAX_LOOKS; look += 1) {
    if (stage1.isAppRunning(files, { id, app })) return true;
    if (stage1.appExit(files, app) !== undefined) return false;
    Bun.sleepSync(LOOK_PAUSE_MS);
  }
  return false;
}

/** `__stage1`: work a regime does in a process of its own. Returns the exit code. */
export async function stage1Helper(
  ctx: EngineContext,
  input: { readonly argv: readonly string[] },
  options: { readonly signal?: AbortSignal } = {},
): Promise<number> {
  const [regime = "", ...argv] = input.argv;
  const helper = findHelper(regime);
  if (helper === undefined) {
    throw new Stage1Error("stage1/enter-failed", "Cannot do this: the command is for internal use", {
      hint: "use gantry exec",
    });
  }
  return await helper({ argv, env: ctx.env, ...options });
}

/** The caller's terminal by name, when it is given to what runs in the pod. */
export function terminalOf(ctx: EngineContext, input: Pick<ExecInput, "tty">): { readonly terminal?: string } {
  if (!input.tty || !isTerminal(0)) return {};
  return { terminal: ctx.proc.readLink("self/fd/0") };
}

/** The app of a pod a user means; with a single app the name may be left out. @throws {PodError} "pod/unknown-app" */
export function chooseApp(
  manifest: PodManifest,
  { name, what }: { readonly name: string | undefined; readonly what: string },
): PodManifest["apps"][number] {
  const [first, second] = manifest.apps;
  const found = name === undefined && second === undefined ? first : manifest.apps.find((app) => app.name === name);
  if (found !== undefined) return found;
  const names = manifest.apps.map((app) => app.name).join(", ");
  const why = name === undefined ? "it has several apps" : `it has no app "${name}"`;
  throw new PodError("pod/unknown-app", `Cannot tell where to ${what} in pod ${manifest.uuid}: ${why}`, {
    hint: `choose one with --app: ${names}`,
  });
}
