import { CHECKPOINT_DIR, isCheckpointed } from "../../pod/checkpoint-record.ts";
import type { PodManifest } from "../../pod/manifest.ts";
import type { AppName } from "../../pod/names.ts";
import type { CheckpointInput } from "../../pod/stage1-contract.ts";
import type { Files } from "../../sys/host.ts";
import { freezeCgroup } from "../../sys/linux/cgroup-use.ts";
import { isProcessAlive } from "../../sys/linux/process-stat.ts";
import { Stage1Error } from "../errors.ts";
import { signalProcess } from "../supervisor.ts";
import { appCgroup } from "./cgroups.ts";
import { isOciPodPaused, pauseOciPod, resumeOciPod } from "./control.ts";
import { firstError, requireCriu } from "./criu.ts";
import { outsideMounts, writeOptionsForDump } from "./criu-options.ts";
import { assertCanHalt, runningApps } from "./halting.ts";
import { exitFile, findAppPid, findConmons } from "./observe.ts";
import type { OciRuntime } from "./oci-runtime.ts";
import { readRuntime, runtimeArgv } from "./runtime-calls.ts";
import { QUIET_FILE } from "./scripts.ts";
import { saveSharedMemory } from "./shared-memory.ts";
import { killOciPod } from "./stop.ts";

const DUMP_LIMIT_MS = 30 * 60_000;
const MAX_LOG_BYTES = 64 * 1024 * 1024;
const SIGKILL = 9;
const SETTLE_MS = 10_000;
const POLL_MS = 10;

/** Where the state of one app lies, and what its writer had to say. */
export function checkpointDirs(app: AppName): { readonly images: string; readonly work: string } {
  return { images: `${CHECKPOINT_DIR}/${app}`, work: `${CHECKPOINT_DIR}/.work/${app}` };
}

/** `checkpoint` of the contract: by criu, or by the sandbox itself. */
export async function checkpointOciPod(pod: Files, input: CheckpointInput): Promise<{ readonly isRunning: boolean }> {
  const { manifest } = input;
  const runtime = readRuntime(pod);
  assertCanHalt(pod, { manifest, runtime });
  const apps = runningApps(pod, manifest);
  pod.remove(CHECKPOINT_DIR);
  try {
    return runtime.isSandbox
      ? await haltSandbox(pod, { ...input, runtime, apps })
      : await haltContainers(pod, { ...input, runtime, apps });
  } catch (reason) {
    if (!isCheckpointed(pod)) pod.remove(CHECKPOINT_DIR);
    throw reason;
  }
}

interface Halting extends CheckpointInput {
  readonly runtime: OciRuntime;
  readonly apps: readonly AppName[];
}

/** All of them halt first and are written while they stand still, so that together they are one moment of the pod. */
async function haltContainers(pod: Files, input: Halting): Promise<{ readonly isRunning: boolean }> {
  const { manifest, runtime, apps } = input;
  const criu = await requireCriu(input.host, runtime);
  const wasPaused = isOciPodPaused(pod, manifest.uuid);
  await pauseOciPod(pod, manifest.uuid);
  try {
    for (const app of apps) await dump(pod, { ...input, criu: criu.path, app });
    saveSharedMemory(pod, manifest);
    await input.whenWritten({ apps, hasEnded: false });
  } catch (reason) {
    if (!wasPaused) await resumeOciPod(pod, manifest.uuid);
    throw reason;
  }
  if (!input.leaveRunning) await endQuietly(pod, manifest);
  else if (!wasPaused) await resumeOciPod(pod, manifest.uuid);
  return { isRunning: input.leaveRunning };
}

async function dump(
  pod: Files,
  { manifest, host, runtime, criu, app: name, ...asked }: Halting & { readonly criu: string; readonly app: AppName },
): Promise<void> {
  const { images, work } = checkpointDirs(name);
  const app = manifest.apps.find((one) => one.name === name);
  const pid = findAppPid(pod, { id: manifest.uuid, app: name });
  if (app === undefined || pid === undefined) throw failed(name, "it has ended meanwhile");
  writeOptionsForDump(pod, { app, mounts: outsideMounts(pod, { manifest, app }), pid });
  for (const dir of [images, work]) {
    pod.remove(dir);
    pod.ensureDir(dir, 0o700);
  }
  const flags = [
    `--image-path=${pod.path(images)}`,
    `--work-path=${pod.path(work)}`,
    "--leave-running",
    ...(asked.tcpEstablished ? ["--tcp-established"] : []),
    ...(asked.fileLocks ? ["--file-locks"] : []),
  ];
  const { exitCode, stderr } = await host.programs.run({
    argv: [...runtimeArgv(pod, runtime), "checkpoint", ...flags, `${manifest.uuid}-${name}`],
    env: { PATH: criuPath(criu) },
    timeoutMs: DUMP_LIMIT_MS,
  });
  if (exitCode === 0) return;
  throw failed(name, readWhy(pod, `${work}/dump.log`) ?? lastLine(stderr));
}

/** Directories in which a runtime finds this criu and its own programs. */
function criuPath(criu: string): string {
  return `${criu.slice(0, criu.lastIndexOf("/"))}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`;
}

/** A sandbox writes its state itself and ends with that. */
async function haltSandbox(pod: Files, input: Halting): Promise<{ readonly isRunning: boolean }> {
  const { manifest, host, runtime, apps } = input;
  assertSandboxNetwork(input);
  const wasPaused = isOciPodPaused(pod, manifest.uuid);
  if (wasPaused) await resumeOciPod(pod, manifest.uuid); // what stands still cannot write
  for (const app of apps) {
    const { images } = checkpointDirs(app);
    pod.ensureDir(images, 0o700);
    pod.writePlain(QUIET_FILE, "", 0o600);
    const { exitCode, stderr } = await host.programs.run({
      argv: [...runtimeArgv(pod, runtime), "checkpoint", `--image-path=${pod.path(images)}`, `${manifest.uuid}-${app}`],
      timeoutMs: DUMP_LIMIT_MS,
    });
    if (exitCode === 0) continue;
    pod.remove(QUIET_FILE);
    throw failed(app, lastLine(stderr));
  }
  await endQuietly(pod, manifest);
  await input.whenWritten({ apps, hasEnded: true });
  return { isRunning: false };
}

/**
 * A network stack of the sandbox's own takes over the addresses of the pod's interfaces and has no way to give them back, and
 * sockets of the host's kernel are not the sandbox's to write.
 */
function assertSandboxNetwork({ manifest, runtime }: Halting): void {
  if (runtime.args.includes("--network=none")) return;
  throw new Stage1Error(
    "stage1/unsupported",
    `Cannot checkpoint pod ${manifest.uuid}: gVisor cannot leave the pod's network and join it again`,
    { hint: "start it with --net=none, or use --stage1=oci --runtime=runc" },
  );
}

/** Kills everything of the pod without an app or anybody else noticing: no exit is recorded, no app is told. */
export async function endQuietly(pod: Files, manifest: PodManifest): Promise<void> {
  pod.writePlain(QUIET_FILE, "", 0o600);
  for (const { name } of manifest.apps) {
    const cgroup = appCgroup(manifest.uuid, name);
    for (const pid of cgroup.pids()) signalProcess(pid, SIGKILL);
    freezeCgroup(cgroup, false); // what is halted cannot die
  }
  await killOciPod(pod, manifest.uuid);
  for (
    let waitedMs = 0;
    waitedMs < SETTLE_MS && findConmons(pod).some((pid) => isProcessAlive(pid));
    waitedMs += POLL_MS
  )
    await Bun.sleep(POLL_MS);
  for (const { name } of manifest.apps) if (!pod.has(`status/${name}`)) pod.remove(exitFile(manifest.uuid, name));
}

/** What criu's log says went wrong. */
export function readWhy(pod: Files, log: string): string | undefined {
  return pod.has(log) ? firstReason(pod.readText(log, MAX_LOG_BYTES)) : undefined;
}

/** Some errors are only complaints; the last but one names the cause more often than the first. */
function firstReason(text: string): string | undefined {
  const errors = text.split("\n").flatMap((line) => {
    const error = firstError(line);
    return error === undefined || /RLIMIT_NOFILE/.test(error) ? [] : [error];
  });
  return errors[0];
}

function failed(app: AppName, why: string): Stage1Error {
  return new Stage1Error(
    "stage1/checkpoint-failed",
    `Cannot checkpoint app "${app}": ${why || "the runtime gave no reason"}`,
    {
      hint: "the pod goes on as before; open connections need --tcp-established, locked files --file-locks",
      data: { app },
    },
  );
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1)?.slice(0, 500) ?? "";
}
