import type { Stage1 } from "../../pod/stage1-contract.ts";
import { removePodCgroups } from "../pod-cgroups.ts";
import { SHARED_CGROUP_CONTROL } from "../pod-control.ts";
import { findSupervisor } from "../supervisor.ts";
import { findFlyApp, readFlyExit, readFlyPodExit } from "./observe.ts";
import { ownCapabilities } from "./own-capabilities.ts";
import { killFlyPod, stopFlyPod } from "./stop.ts";

/** No isolation but the app's own files: for trusted agents of the host, and the fastest. */
export const flyStage1: Stage1 = {
  regime: "fly",
  about: {
    summary: "chroot: the app's own files, otherwise the host; for trusted agents, one app a pod",
    isolates: ["files"],
    cost: "one small supervisor",
  },
  options: ["ulimit", "propagation", "shared-propagation", "idmap"],
  defaultNets: [{ name: "host", args: {} }],
  probe: async (host) => (await import("./probe.ts")).probeFly(host),
  launch: async (input) => (await import("./launch.ts")).launchFlyPod(input),
  enter: async (pod, input) =>
    (await import("../start-enter.ts")).startEnter(pod, input, {
      regime: "fly",
      findPid: () => findFlyApp(pod, { app: input.app.name }),
      capabilities: ownCapabilities(),
      noNewPrivileges: false,
      seccomp: "unconfined",
    }),
  helper: async (input) => (await import("../start-enter.ts")).finishEnter(input),
  supervisorPid: findSupervisor,
  appPid: findFlyApp,
  isAppRunning: (pod, which) => findFlyApp(pod, which) !== undefined,
  appExit: readFlyExit,
  podExit: readFlyPodExit,
  log: (_pod, app) => ({ kind: "streams", stdout: `logs/${app}/stdout`, stderr: `logs/${app}/stderr` }),
  stop: stopFlyPod,
  kill: killFlyPod,
  ...SHARED_CGROUP_CONTROL,
  cleanup: (_pod, id) => removePodCgroups(id),
};
