import type { PodManifest } from "../../pod/manifest.ts";
import type { AppName } from "../../pod/names.ts";
import { readResolvedApp } from "../../pod/resolved-app.ts";
import type { CheckpointedRegime } from "../../pod/stage1-contract.ts";
import type { Files } from "../../sys/host.ts";
import { Stage1Error } from "../errors.ts";
import { findAppPid } from "./observe.ts";
import type { OciRuntime } from "./oci-runtime.ts";
import { readRuntime, writeRuntime } from "./runtime-calls.ts";
import { decodeSpec } from "./spec-text.ts";

/** What a container's configuration says that decides whether it can be halted. */
interface HaltedSpec {
  readonly process?: { readonly terminal?: boolean };
  readonly hooks?: object;
}

const MAX_SPEC_BYTES = 8 * 1024 * 1024;
const BACKGROUND = "oci/background.json";

/** How the apps of a pod in the background were given input and terminal. */
export interface Background {
  readonly stdin: boolean;
  readonly tty: boolean;
}

/** Keeps it for a restore; a pod in the foreground has none. */
export function writeBackground(pod: Files, background: Background): void {
  pod.writePlain(BACKGROUND, JSON.stringify(background), 0o600);
}

/** What `writeBackground` kept. @throws {SysError} "sys/not-found" */
export function readBackground(pod: Files): Background {
  return JSON.parse(pod.readText(BACKGROUND)) as Background;
}

/** What an export has to say of how the pod was started. */
export function describeCheckpoint(pod: Files): CheckpointedRegime {
  return { runtime: readRuntime(pod).name, ...readBackground(pod) };
}

/** The same for a pod made of an export. Of the runtime only the name is taken; where it is this host decides. */
export function adoptCheckpoint(pod: Files, { runtime, stdin, tty }: CheckpointedRegime): void {
  writeRuntime(pod, { name: runtime, path: "", args: [], cgroups: "own", isSandbox: false });
  writeBackground(pod, { stdin, tty });
}

/** The apps of a pod that run. @throws {Stage1Error} "stage1/not-running" when there is none */
export function runningApps(pod: Files, { uuid, apps }: PodManifest): readonly AppName[] {
  const running = apps.flatMap(({ name }) =>
    findAppPid(pod, { id: uuid, app: name }) !== undefined && isStarted(pod, name) ? [name] : [],
  );
  if (running.length > 0) return running;
  throw new Stage1Error("stage1/not-running", `Cannot checkpoint pod ${uuid}: none of its apps runs`, {
    hint: `see how they ended: gantry status ${uuid}`,
  });
}

function isStarted(pod: Files, app: AppName): boolean {
  if (!pod.has(`apps/${app}/started`)) return false;
  readResolvedApp(pod, app);
  return true;
}

/**
 * Refuses what no checkpoint could bring back: what is joined to the caller, or to processes that are not in the pod.
 * @throws {Stage1Error} "stage1/unsupported"
 */
export function assertCanHalt(
  pod: Files,
  { manifest, runtime }: { readonly manifest: PodManifest; readonly runtime: OciRuntime },
): void {
  const { sharing = {}, uuid } = manifest;
  const refuse = (why: string, hint: string) => {
    throw new Stage1Error("stage1/unsupported", `Cannot checkpoint pod ${uuid}: ${why}`, { hint });
  };
  if (!pod.has(BACKGROUND)) refuse("it runs in the foreground, joined to its caller", "start it with gantry run -d");
  if (sharing.pid !== undefined && sharing.pid !== "private") {
    refuse(`its apps share processes (--pid=${sharing.pid})`, "start it without --pid");
  }
  if (sharing.ipc === "host") refuse("its apps use the host's IPC (--ipc=host)", "start it without --ipc=host");
  if (manifest.userns !== undefined)
    refuse("it has a user namespace of its own", "start it without --userns and --uidmap");
  for (const app of manifest.apps) {
    const spec = decodeSpec(pod.readText(`apps/${app.name}/bundle/config.json`, MAX_SPEC_BYTES)) as HaltedSpec;
    if (spec.hooks !== undefined) refuse(`hooks prepare app "${app.name}"`, "start it with --hooks-dir=/var/empty");
    if (app.mounts.some(({ idmap }) => idmap !== undefined))
      refuse(`a volume of app "${app.name}" maps its owners`, "leave the idmap of its volumes out");
    if (runtime.isSandbox || app.mounts.every(({ propagation }) => propagation === undefined)) continue;
    refuse(`a volume of app "${app.name}" passes mounts on`, "leave the propagation of its volumes out");
  }
}
