import type { CheckpointRecord } from "../../pod/checkpoint-record.ts";
import type { PodApp } from "../../pod/manifest.ts";
import type { PodIdmap } from "../../pod/pod-idmap.ts";
import type { LaunchInput } from "../../pod/stage1-contract.ts";
import type { Files } from "../../sys/host.ts";
import { Stage1Error } from "../errors.ts";
import { checkpointDirs, readWhy } from "./checkpoint.ts";
import type { ConmonInput } from "./conmon.ts";
import { outsideMounts, writeOptionsForRestore } from "./criu-options.ts";
import { exitFile } from "./observe.ts";
import type { OciRuntime } from "./oci-runtime.ts";
import { chooseRuntime, findInstalled, type OciFlavor } from "./runtime.ts";
import { readRuntime, runtimeArgv } from "./runtime-calls.ts";
import { QUIET_FILE } from "./scripts.ts";
import { DEFAULT_SHM_BYTES, makeShared, ownShared, type Shared } from "./shared.ts";
import { loadSharedMemory } from "./shared-memory.ts";

/** What is restored, and with which criu; a sandbox needs none. */
export interface Restoring {
  readonly record: CheckpointRecord;
  readonly criu?: string;
}

const DELETE_LIMIT_MS = 30_000;

/**
 * Runtimes read only what they wrote themselves. One that has been updated since may still do; one that is gone cannot.
 * @throws {Stage1Error} "stage1/missing-tool", "stage1/unsupported-host"
 */
export async function runtimeForRestore(flavor: OciFlavor, { pod, host }: LaunchInput): Promise<OciRuntime> {
  const wrote = readRuntime(pod);
  const found = findInstalled(flavor, host).find(({ name }) => name === wrote.name || name.startsWith("runsc"));
  if (found === undefined) {
    throw new Stage1Error(
      "stage1/missing-tool",
      `Cannot restore pod: ${wrote.name}, which wrote it, is not installed`,
      {
        hint: `install it: ${flavor.install}`,
      },
    );
  }
  return found.isSandbox ? await chooseRuntime(flavor, host) : found;
}

/** Takes away what the runtime and conmon left of the containers as they were. */
export async function clearBeforeRestore(
  { pod, manifest, host }: LaunchInput,
  { runtime, record }: { readonly runtime: OciRuntime; readonly record: CheckpointRecord },
): Promise<void> {
  for (const app of record.apps) {
    if (pod.has("oci/state")) {
      const argv = [...runtimeArgv(pod, runtime), "delete", "--force", `${manifest.uuid}-${app}`] as const;
      await host.programs.run({ argv: [...argv], timeoutMs: DELETE_LIMIT_MS }); // may be gone already
    }
    for (const rel of [
      exitFile(manifest.uuid, app),
      `status/${app}`,
      `apps/${app}/bundle`,
      `apps/${app}/pid`,
      `apps/${app}/conmon.pid`,
    ])
      pod.remove(rel);
  }
  for (const rel of ["oci/state", "ns"]) pod.remove(rel);
}

/**
 * What the apps share. Of an app alone everything is part of its state; several get new namespaces, since criu can enter
 * such but not make one for two.
 */
export function restoreShared(
  input: LaunchInput,
  how: { readonly runtime: OciRuntime; readonly idmap: PodIdmap | undefined },
): Shared {
  const { manifest, pod } = input;
  if (how.runtime.isSandbox || manifest.apps.length === 1) return ownShared(input);
  const shared = makeShared(input, how);
  loadSharedMemory(pod, manifest.shmBytes ?? DEFAULT_SHM_BYTES);
  return shared;
}

/** Puts what criu's own log says in place of the runtime's pointer to it. */
export function explainRestore(pod: Files, reason: unknown): unknown {
  if (!(reason instanceof Stage1Error) || reason.code !== "stage1/checkpoint-failed") return reason;
  const app = String(reason.data["app"] ?? "");
  const why = readWhy(pod, `apps/${app}/bundle/restore.log`);
  return new Stage1Error(reason.code, why === undefined ? reason.message : `Cannot restore app "${app}": ${why}`, {
    hint: "the pod stays checkpointed: mend that and restore it again",
    data: { app },
    cause: reason,
  });
}

/** How conmon lets an app go on; from then on its end counts again. */
export function planRestore(
  { pod, manifest }: LaunchInput,
  { app, record, criu }: Restoring & { readonly app: PodApp },
): NonNullable<ConmonInput["restore"]> {
  if (criu !== undefined) writeOptionsForRestore(pod, { app, mounts: outsideMounts(pod, { manifest, app }) });
  pod.remove(QUIET_FILE);
  const images = pod.path(checkpointDirs(app.name).images);
  if (criu === undefined) return { images, flags: [] };
  const flags = [
    ...(record.tcpEstablished ? ["--tcp-established"] : []),
    ...(record.fileLocks ? ["--file-locks"] : []),
  ];
  return { images, flags };
}
