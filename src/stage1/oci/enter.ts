import { DEFAULT_PATH, envValue, mergeEnv } from "../../pod/environment.ts";
import { placeDirectory } from "../../pod/pod-idmap.ts";
import { findProgram, openAppRoot, resolveAppUser } from "../../pod/resolve-app.ts";
import { readResolvedApp } from "../../pod/resolved-app.ts";
import type { EnterInput } from "../../pod/stage1-contract.ts";
import type { Files } from "../../sys/host.ts";
import { AT_FDCWD, O_RDONLY } from "../../sys/linux/constants.ts";
import { dup2, openat2 } from "../../sys/linux/fs-calls.ts";
import { joinCgroupsOf } from "../../sys/linux/join-cgroups.ts";
import { enterPrivateMountNamespace } from "../../sys/linux/mounts.ts";
import { execve } from "../../sys/linux/process-calls.ts";
import { randomHex } from "../../sys/random.ts";
import { Stage1Error } from "../errors.ts";
import type { ContainerOptions } from "./container-options.ts";
import { replaceNullStreams } from "./null-device.ts";
import { findAppPid } from "./observe.ts";
import { hideUnified, readRuntime, runtimeArgv } from "./runtime-calls.ts";
import { planProcess } from "./spec.ts";
import { decodeSpec, encodeSpec } from "./spec-text.ts";
import { assertMapped } from "./user-namespace.ts";

const MAX_SPEC_BYTES = 8 * 1024 * 1024;

/**
 * Runs a program in an app's container: this process becomes the runtime's `exec`, which joins terminal, signals and exit
 * code itself. User and program are looked up before, so that what is missing is named.
 * @throws {Stage1Error} "stage1/not-running"; {PodError} for program and user
 */
export async function enterOciApp(pod: Files, input: EnterInput): Promise<never> {
  const { app, manifest } = input;
  const pid = findAppPid(pod, { id: manifest.uuid, app: app.name });
  if (pid === undefined) {
    throw new Stage1Error("stage1/not-running", `Cannot run a program in app "${app.name}": it is not running`, {
      hint: `see how it ended: gantry status ${manifest.uuid}`,
    });
  }
  const runtime = readRuntime(pod);
  const started = readResolvedApp(pod, app.name);
  const root = openAppRoot(pathOfRoot(pod, { pid, app: app.name, isSandbox: runtime.isSandbox }), manifest.userns);
  const credentials = input.user === undefined ? started.credentials : resolveAppUser(root, { user: input.user });
  assertMapped(manifest.userns, { app: app.name, ...credentials });
  const env = mergeEnv(started.env, input.tty ? ["TERM=xterm"] : [], input.env);
  const path = envValue(env, "PATH") ?? DEFAULT_PATH;
  const program = findProgram(root, {
    app: app.name,
    workingDir: input.workingDir,
    program: input.argv[0] ?? "",
    path,
  });
  const process = planProcess({
    options: readProcessOptions(pod, app.name),
    resolved: {
      app: { ...app, workingDir: input.workingDir },
      credentials,
      argv: [program, ...input.argv.slice(1)],
      env,
      stdin: "null",
    },
    terminal: input.tty,
  });
  const spec = `oci/exec-${randomHex(6)}.json`;
  pod.writePlain(spec, encodeSpec(process), 0o600);
  const isOwn = runtime.cgroups === "own";
  if (isOwn || manifest.userns !== undefined) enterPrivateMountNamespace({ receive: true });
  if (manifest.userns !== undefined) placeDirectory(`roots/${app.name}`);
  if (isOwn) {
    hideUnified();
    joinCgroupsOf(pid);
  }
  if (!input.interactive) dup2(openat2(AT_FDCWD, "/dev/null", { flags: O_RDONLY }), 0);
  replaceNullStreams(pod, supervisorOf(pod, app.name));
  const exec = [...runtimeArgv(pod, runtime), "exec", `--process=${pod.path(spec)}`, `${manifest.uuid}-${app.name}`];
  const { PATH = "/usr/sbin:/usr/bin:/sbin:/bin", TERM = "xterm" } = globalThis.process.env;
  return execve(runtime.path, exec, { PATH, TERM });
}

/** What the app itself was started with besides user, environment and rights. */
function readProcessOptions(pod: Files, app: string): Partial<ContainerOptions> {
  const spec = decodeSpec(pod.readText(`apps/${app}/bundle/config.json`, MAX_SPEC_BYTES)) as {
    readonly process: {
      readonly rlimits?: ContainerOptions["rlimits"];
      readonly apparmorProfile?: string;
      readonly selinuxLabel?: string;
    };
  };
  const { rlimits = [], apparmorProfile, selinuxLabel } = spec.process;
  return {
    rlimits,
    process: {
      ...(apparmorProfile === undefined ? {} : { apparmorProfile }),
      ...(selinuxLabel === undefined ? {} : { selinuxLabel }),
    },
  };
}

/** The app's files as the host sees them; a sandbox of its own kernel shows the host only what it was given. */
function pathOfRoot(
  pod: Files,
  { pid, app, isSandbox }: { readonly pid: number; readonly app: string; readonly isSandbox: boolean },
): string {
  if (!isSandbox) return `/proc/${pid}/root`;
  return `/proc/${supervisorOf(pod, app)}/root${pod.path(`apps/${app}/rootfs`)}`;
}

function supervisorOf(pod: Files, app: string): number {
  return Number(pod.readText(`apps/${app}/conmon.pid`, 64).trim());
}
