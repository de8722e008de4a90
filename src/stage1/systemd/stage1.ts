import type { Stage1 } from "../../pod/stage1-contract.ts";
import { removePodCgroups } from "../pod-cgroups.ts";
import { SHARED_CGROUP_CONTROL } from "../pod-control.ts";
import { findSupervisor } from "../supervisor.ts";
import { findAppPid, readAppExit, readPodExit } from "./observe.ts";
import { killSystemdPod, stopSystemdPod } from "./stop.ts";

/** The default regime: the pod is a systemd of its own under systemd-nspawn, each app one of its services. */
export const systemdStage1: Stage1 = {
  regime: "systemd",
  about: {
    summary: "systemd-nspawn and systemd: namespaces, own PID 1, a unit per app",
    isolates: ["mounts", "processes", "network", "IPC", "host name", "cgroups", "capabilities", "system calls"],
    cost: "nspawn, systemd and two copies of tee for each app (17 MB measured with one app)",
  },
  options: ["ulimit", "propagation", "idmap"],
  image: {
    from: "systemd",
    entrypoint: ["/usr/lib/systemd/systemd"],
    build: async (host, options) => (await import("../collect-tree.ts")).collectStage1Tree(host, options),
  },
  probe: async (...args) => (await import("./probe.ts")).probeSystemd(...args),
  launch: async (input) => (await import("./launch.ts")).launchSystemdPod(input),
  enter: async (pod, input) =>
    (await import("../start-enter.ts")).startEnter(pod, input, {
      ...input.app,
      regime: "systemd",
      findPid: () => findAppPid(pod, { app: input.app.name }),
    }),
  helper: async (input) => (await import("../start-enter.ts")).finishEnter(input),
  supervisorPid: findSupervisor,
  appPid: findAppPid,
  isAppRunning: (pod, which) => findAppPid(pod, which) !== undefined,
  appExit: readAppExit,
  podExit: readPodExit,
  log: (_pod, app) => ({ kind: "streams", stdout: `logs/${app}/stdout`, stderr: `logs/${app}/stderr` }),
  stop: stopSystemdPod,
  kill: killSystemdPod,
  ...SHARED_CGROUP_CONTROL,
  cleanup: (_pod, id) => removePodCgroups(id),
};
