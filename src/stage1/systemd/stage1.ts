import type { Stage1 } from "../../pod/stage1-contract.ts";
import { cleanupSystemdPod } from "./cleanup.ts";
import { launchSystemdPod } from "./launch.ts";
import { findAppPid, findSupervisor, readAppExit, readPodExit } from "./observe.ts";
import { killSystemdPod, stopSystemdPod } from "./stop.ts";

/** The default regime: the pod is a systemd of its own under systemd-nspawn, each app one of its services. */
export const systemdStage1: Stage1 = {
  regime: "systemd",
  launch: launchSystemdPod,
  supervisorPid: findSupervisor,
  appPid: findAppPid,
  appExit: readAppExit,
  podExit: readPodExit,
  stop: stopSystemdPod,
  kill: killSystemdPod,
  cleanup: cleanupSystemdPod,
};
