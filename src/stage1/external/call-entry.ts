import type { PodId } from "../../pod/names.ts";
import type { Files } from "../../sys/host.ts";
import { bindMount, enterPrivateMountNamespace } from "../../sys/linux/mounts.ts";
import { mountOverlay } from "../../sys/linux/overlay.ts";
import { runAttached } from "../../sys/linux/run-attached.ts";

/** Where the layers of the stage1 image are, kept for calls that come after the start. */
const LAYERS_FILE = "stage1-layers.json";
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const MAX_BYTES = 1024 * 1024;

/** Keeps the directories of the stage1's layers, topmost first. */
export function writeStage1Layers(pod: Files, lowers: readonly string[]): void {
  pod.writePlain(LAYERS_FILE, JSON.stringify(lowers), 0o600);
}

/** Whether the pod came far enough for its stage1 to be called. */
export function wasLaunched(pod: Files): boolean {
  return pod.has(LAYERS_FILE);
}

/** Mounts the stage1 image read-only at `stage1/rootfs`, in the mount namespace this process has to itself. */
export function mountStage1Image(pod: Files): void {
  const lowers: unknown = JSON.parse(pod.readText(LAYERS_FILE, MAX_BYTES));
  const dirs = Array.isArray(lowers) ? lowers.filter((dir) => typeof dir === "string") : [];
  pod.ensureDir("stage1/rootfs", 0o755);
  const target = pod.path("stage1/rootfs");
  const [only, second] = dirs;
  if (only !== undefined && second === undefined) bindMount({ source: only, target, readOnly: true, nodev: true });
  else mountOverlay({ lowers: dirs, target, readOnly: true, nodev: true });
}

/** What every entry point is given. Spec: docs/stage1-contract.md, "What every call is given". */
export function entryEnvironment(id: PodId, netns: string): Record<string, string> {
  return { PATH, GANTRY_POD: id, GANTRY_NETNS: netns, GANTRY_INTERFACE_VERSION: "1" };
}

/** One call of an entry point other than `run`. */
export interface EntryCall {
  readonly id: PodId;
  /** Path inside the stage1 image. */
  readonly program: string;
  readonly argv: readonly string[];
  readonly interactive?: boolean;
}

/**
 * Calls an entry point on the caller's input and output; returns its exit code. This process gets a mount namespace of its
 * own, once; the stage1 image is mounted there alone.
 */
export async function callEntry(pod: Files, call: EntryCall): Promise<number> {
  enterPrivateMountNamespace({ receive: true });
  mountStage1Image(pod);
  const program = pod.path(`stage1/rootfs${call.program}`);
  const env = entryEnvironment(call.id, pod.has("netns") ? pod.readText("netns", 4096).trim() : "host");
  return await runAttached({
    argv: [program, ...call.argv],
    argv0: program,
    env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
    cwd: pod.root,
    tty: false,
    interactive: call.interactive === true,
    beforeSpawn: () => {},
    afterSpawn: () => {},
  });
}
