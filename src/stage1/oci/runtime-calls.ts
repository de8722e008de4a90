import type { LaunchInput } from "../../pod/stage1-contract.ts";
import type { Files } from "../../sys/host.ts";
import { detectCgroupLayout, forgetCgroupLayout } from "../../sys/linux/cgroup-layout.ts";
import { unmount } from "../../sys/linux/mounts.ts";
import { Stage1Error } from "../errors.ts";
import type { OciRuntime } from "./oci-runtime.ts";

const FILE = "oci/runtime.json";
const START_TIMEOUT_MS = 60_000;

/** Keeps which runtime the pod was started with: later calls have to use the same. */
export function writeRuntime(pod: Files, runtime: OciRuntime): void {
  pod.writePlain(FILE, JSON.stringify(runtime), 0o600);
}

/** What `writeRuntime` kept. @throws {SysError} "sys/not-found" for a pod that never started */
export function readRuntime(pod: Files): OciRuntime {
  return JSON.parse(pod.readText(FILE)) as OciRuntime;
}

/** The runtime with its flags; its own state lies in the pod directory and goes with it. */
export function runtimeArgv(pod: Files, runtime: OciRuntime): [string, ...string[]] {
  return [runtime.path, `--root=${pod.path("oci/state")}`, ...runtime.args];
}

/** Takes the v2 part of a hybrid cgroup tree out of this (private) mount namespace. */
export function hideUnified(): void {
  const { kind, hierarchies } = detectCgroupLayout();
  if (kind !== "hybrid") return;
  for (const { version, mountPoint } of hierarchies) if (version === 2) unmount(mountPoint);
  forgetCgroupLayout();
}

/** Lets a container that was made begin. @throws {Stage1Error} "stage1/start-failed" */
export async function startContainer(
  { pod, host }: { readonly pod: Files; readonly host: Pick<LaunchInput["host"], "programs"> },
  { runtime, app, id }: { readonly runtime: OciRuntime; readonly app: string; readonly id: string },
): Promise<void> {
  const { exitCode, stderr } = await host.programs.run({
    argv: [...runtimeArgv(pod, runtime), "start", id],
    timeoutMs: START_TIMEOUT_MS,
  });
  if (exitCode === 0) return;
  const said = stderr.trim().split("\n").at(-1)?.slice(0, 500);
  throw new Stage1Error("stage1/start-failed", `Cannot start app "${app}": ${said ?? "the runtime gave no reason"}`, {
    hint: "look at what the runtime needs: gantry doctor",
    data: { app },
  });
}
