import type { PodManifest } from "../../pod/manifest.ts";
import { readPodManifest } from "../../pod/pod-store.ts";
import type { HelperInput } from "../../pod/stage1-contract.ts";
import type { Files } from "../../sys/host.ts";
import { openFiles } from "../../sys/linux/files.ts";
import { createPrograms } from "../../sys/linux/processes.ts";
import { attachToOciApp } from "./attach.ts";
import { findConmons, readAppExit } from "./observe.ts";
import { readRuntime, startContainer } from "./runtime-calls.ts";
import { killOciPod, signalOciPod, stopOciPod } from "./stop.ts";

const STOP_LIMIT_MS = 10_000;
const POLL_MS = 20;

/**
 * Processes of the regime's own beside a pod: `stop PODDIR` and `signal PODDIR NAME` are what the waiting shell of a
 * foreground pod calls at a signal, `terminal PODDIR` is what a launcher on a terminal becomes.
 */
export async function helpOciPod({ argv, signal }: HelperInput): Promise<number> {
  const [verb, dir, name = ""] = argv;
  if (dir === undefined) return 2;
  const pod = openFiles(dir);
  const manifest = readPodManifest(pod);
  if (manifest === undefined) return 1;
  switch (verb) {
    case "stop":
      return await stopInTime(pod, manifest);
    case "signal":
      await signalOciPod(pod, manifest, name);
      return 0;
    case "terminal":
      return await carryTerminal(pod, manifest, signal);
    default:
      return 2;
  }
}

async function stopInTime(pod: Files, manifest: PodManifest): Promise<number> {
  await stopOciPod(pod, manifest);
  for (let waitedMs = 0; waitedMs < STOP_LIMIT_MS; waitedMs += POLL_MS) {
    if (findConmons(pod).length === 0) return 0;
    await Bun.sleep(POLL_MS);
  }
  await killOciPod(pod, manifest.uuid);
  return 0;
}

/** Starts the only app once its terminal is joined, so that nothing it shows is lost. The pod ends with the terminal. */
async function carryTerminal(pod: Files, manifest: PodManifest, signal: AbortSignal | undefined): Promise<number> {
  const [app] = manifest.apps;
  if (app === undefined) return 1;
  const gone = new AbortController();
  process.once("SIGHUP", () => gone.abort());
  const signals = [gone.signal, ...(signal === undefined ? [] : [signal])];
  const either = AbortSignal.any(signals);
  const code = await attachToOciApp(pod, {
    manifest,
    app,
    stdin: true,
    signal: either,
    onJoined: async () => {
      pod.writePlain(`apps/${app.name}/started`, "", 0o600);
      const start = { runtime: readRuntime(pod), app: app.name, id: `${manifest.uuid}-${app.name}` };
      await startContainer({ pod, host: { programs: createPrograms() } }, start);
    },
  });
  if (!either.aborted) return code ?? 1;
  await stopInTime(pod, manifest);
  return readAppExit(pod, app.name)?.exitCode ?? 1;
}
