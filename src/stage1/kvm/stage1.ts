import type { Stage1 } from "../../pod/stage1-contract.ts";
import { removePodCgroups } from "../pod-cgroups.ts";
import { SHARED_CGROUP_CONTROL } from "../pod-control.ts";
import { findSupervisor } from "../supervisor.ts";
import { readExpectedPcrs } from "./guest-tpm.ts";
import { isAppRunning, readAppExit, readPodExit } from "./observe.ts";
import { killKvmPod, stopKvmPod, updateKvmApp } from "./stop.ts";

/** Every pod a virtual machine: a kernel of its own, and inside it a systemd with a unit per app. */
export const kvmStage1: Stage1 = {
  regime: "kvm",
  about: {
    summary: "QEMU: a kernel of the pod's own, in it systemd and a unit per app",
    isolates: [
      "kernel",
      "mounts",
      "processes",
      "network",
      "IPC",
      "host name",
      "devices",
      "capabilities",
      "system calls",
    ],
    cost: "a kernel and QEMU for each pod; seconds to start where the processor cannot virtualise",
  },
  options: ["tpm", "ulimit", "attach"],
  image: {
    from: "kernel, systemd and busybox",
    entrypoint: ["/usr/lib/systemd/systemd"],
    build: async (host, options) => (await import("./build-image.ts")).buildKvmImage(host, options),
  },
  probe: async (...args) => (await import("./probe.ts")).probeKvm(...args),
  launch: async (input) => (await import("./launch.ts")).launchKvmPod(input),
  enter: async (...args) => (await import("./enter.ts")).enterGuest(...args),
  attach: async (pod, input) => (await import("./attach.ts")).attachToGuestApp(pod, input),
  helper: async (input) => (await import("./enter.ts")).helpInGuest(input),
  supervisorPid: findSupervisor,
  appPid: () => undefined,
  isAppRunning: (pod, { app }) => isAppRunning(pod, app),
  appExit: readAppExit,
  podExit: readPodExit,
  expectedPcrs: readExpectedPcrs,
  log: (_pod, app) => ({ kind: "streams", stdout: `logs/${app}/stdout`, stderr: `logs/${app}/stderr` }),
  stop: async (pod) => stopKvmPod(pod),
  kill: killKvmPod,
  ...SHARED_CGROUP_CONTROL,
  update: async (pod, { manifest, app, limits }) => {
    updateKvmApp(pod, { manifest, app: app.name, limits });
    return [];
  },
  cleanup: (_pod, id) => removePodCgroups(id),
};
