import type { RunOption } from "../../pod/run-options.ts";
import type { ProbeOptions, Stage1, Stage1Host, Stage1Probe } from "../../pod/stage1-contract.ts";
import { removePodCgroups } from "../pod-cgroups.ts";
import { isOciPodPaused, pauseOciPod, readOciUse, resumeOciPod, updateOciApp } from "./control.ts";
import { adoptCheckpoint, describeCheckpoint } from "./halting.ts";
import { findAppPid, findLog, findOciSupervisor, isAppRunning, readAppExit, readPodExit } from "./observe.ts";
import { findInstalled, findProgram, GVISOR_FLAVOR, OCI_FLAVOR, type OciFlavor, probeFlavor } from "./runtime.ts";
import { killOciPod, stopOciPod } from "./stop.ts";

const OCI_OPTIONS: readonly RunOption[] = [
  "ulimit",
  "device",
  "cdi",
  "seccomp-profile",
  "label",
  "apparmor",
  "mask",
  "pid",
  "ipc",
  "shm-size",
  "sysctl",
  "runtime",
  "hooks-dir",
  "userns",
  "idmap",
  "propagation",
  "shared-propagation",
  "attach",
];

/** Its kernel has no devices, modules or parameters of the host. */
const GVISOR_OPTIONS: readonly RunOption[] = ["ulimit", "attach"];

/** OCI runtimes: each app a container of crun or runc under conmon. */
export const ociStage1: Stage1 = ociRegime(OCI_FLAVOR, OCI_OPTIONS, {
  summary: "crun or runc under conmon: namespaces, an app is PID 1",
  isolates: ["mounts", "processes", "network", "IPC", "host name", "cgroups", "capabilities", "system calls"],
  cost: "a conmon for each app",
});

/** gVisor: each app on a kernel of its own, written in a memory-safe language. */
export const gvisorStage1: Stage1 = ociRegime(GVISOR_FLAVOR, GVISOR_OPTIONS, {
  summary: "runsc under conmon: the app talks to a kernel of its own, not to the host's",
  isolates: ["kernel", "mounts", "processes", "network", "IPC", "host name", "cgroups", "capabilities"],
  cost: "a kernel in user space for the pod; system calls are slower",
});

/** A regime made of an OCI runtime. */
export function ociRegime(flavor: OciFlavor, options: readonly RunOption[], about: Stage1["about"]): Stage1 {
  return {
    regime: flavor.regime,
    about,
    options,
    callsMeanwhile: true,
    probe: (host, options) => probeOci(flavor, host, options),
    launch: async (input) => (await import("./launch.ts")).launchOciPod(flavor, input),
    enter: async (...args) => (await import("./enter.ts")).enterOciApp(...args),
    attach: async (...args) => (await import("./attach.ts")).attachToOciApp(...args),
    helper: async (input) => (await import("./help.ts")).helpOciPod(input),
    supervisorPid: findOciSupervisor,
    appPid: findAppPid,
    isAppRunning,
    appExit: readAppExit,
    podExit: readPodExit,
    log: findLog,
    stop: stopOciPod,
    kill: killOciPod,
    pause: pauseOciPod,
    resume: resumeOciPod,
    isPaused: isOciPodPaused,
    stats: readOciUse,
    update: updateOciApp,
    probeCheckpoint: async (host, options) =>
      (await import("./probe-checkpoint.ts")).probeCheckpoint(flavor, host, options),
    ...(flavor.regime === "gvisor" ? { checkpointEnds: true as const } : {}),
    checkpoint: async (...args) => (await import("./checkpoint.ts")).checkpointOciPod(...args),
    describeCheckpoint,
    adoptCheckpoint,
    restore: async (input, record) => (await import("./launch.ts")).restoreOciPod(flavor, input, record),
    cleanup: (_pod, id) => removePodCgroups(id),
  };
}

async function probeOci(flavor: OciFlavor, host: Stage1Host, options: ProbeOptions = {}): Promise<Stage1Probe> {
  const probed = await probeFlavor(flavor, host, options);
  const conmon = findProgram(host, "conmon");
  if (probed === undefined) {
    const names = [...new Set(findInstalled(flavor, host).map(({ path }) => path))].join(", ");
    if (names === "" || conmon === undefined)
      return {
        state: "unavailable",
        detail: `${names || "no runtime"}, ${conmon ?? "no conmon"}`,
        fix: flavor.install,
      };
    return { state: "ready", detail: `${names} and conmon; which of them work is tried at first use` };
  }
  const shown = probed.map(({ runtime, tookMs, problem }) =>
    tookMs === undefined
      ? `${runtime.name}: ${problem ?? "does not work"}`
      : `${runtime.name} ${tookMs} ms${view(runtime)}`,
  );
  const detail = [...shown, conmon === undefined ? "conmon not installed" : "conmon"].join(", ");
  if (probed[0]?.tookMs !== undefined && conmon !== undefined) return { state: "ready", detail };
  return { state: "unavailable", detail: detail || "no runtime installed", fix: flavor.install };
}

function view({ name, cgroups }: { readonly name: string; readonly cgroups: string }): string {
  return cgroups === "own" && name === "crun" ? " (in a view of the cgroups without their v2 part)" : "";
}
