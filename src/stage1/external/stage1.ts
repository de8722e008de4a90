import type { Stage1EntryPoints } from "../../pod/manifest.ts";
import type { PodId } from "../../pod/names.ts";
import type { Stage1 } from "../../pod/stage1-contract.ts";
import type { Files } from "../../sys/host.ts";
import { wasShortOfMemory } from "../oom.ts";
import { podCgroup, removePodCgroups } from "../pod-cgroups.ts";
import { SHARED_CGROUP_CONTROL } from "../pod-control.ts";
import { findSupervisor, signalProcess } from "../supervisor.ts";
import { answerCall, callApart } from "./call-apart.ts";
import { callEntry, wasLaunched } from "./call-entry.ts";
import { findExternalApp, isExternalAppRunning, readExternalExit, readExternalPodExit } from "./observe.ts";

const SIGKILL = 9;

/** A stage1 somebody else made: an image whose annotations name programs. Spec: docs/stage1-contract.md. */
export function externalStage1(entries: Stage1EntryPoints): Stage1 {
  const call = (pod: Files, id: PodId, program: string, argv: readonly string[]) =>
    wasLaunched(pod) ? callApart(pod, { id, program, argv }) : Promise.resolve();
  return {
    regime: "external",
    about: {
      summary: "a stage1 image of your own: gantry run --stage1=example.com/stage1",
      isolates: ["what its maker says"],
      cost: "as its maker says",
    },
    probe: async () => ({ state: "ready", detail: "any image with dev.gantry/stage1 annotations" }),
    launch: async (input) => (await import("./launch.ts")).launchExternalPod(input, entries),
    enter: async (pod, input) => (await import("./enter.ts")).enterExternalApp(pod, input, entries),
    helper: ({ argv }) => answerCall(argv),
    supervisorPid: findSupervisor,
    appPid: findExternalApp,
    isAppRunning: isExternalAppRunning,
    appExit: (pod, app) => {
      const exit = readExternalExit(pod, app);
      // Not every stage1 looks at the cgroup the engine made for it.
      return exit === undefined || exit.exitCode !== 137
        ? exit
        : { ...exit, oomKilled: exit.oomKilled || wasShortOfMemory(pod) };
    },
    podExit: readExternalPodExit,
    log: (_pod, app) => ({ kind: "streams", stdout: `logs/${app}/stdout`, stderr: `logs/${app}/stderr` }),
    stop: (pod, manifest) => call(pod, manifest.uuid, entries.stop, [manifest.uuid]),
    kill: async (pod, id) => {
      if (findSupervisor(pod) !== undefined) await call(pod, id, entries.stop, ["--force", id]);
      signalProcess(findSupervisor(pod), SIGKILL);
      wasShortOfMemory(pod); // noted while the cgroup still tells
      await podCgroup(id).killAll();
    },
    ...(entries.attach === undefined
      ? {}
      : {
          attach: (pod, { manifest, app, stdin }) =>
            callEntry(pod, {
              id: manifest.uuid,
              program: entries.attach ?? "",
              argv: [`--app=${app.name}`, ...(stdin ? [] : ["--no-stdin"]), manifest.uuid],
              interactive: stdin,
            }),
        }),
    ...SHARED_CGROUP_CONTROL,
    cleanup: async (pod, id) => {
      await call(pod, id, entries.gc, [id]);
      await removePodCgroups(id);
    },
  };
}
