import { kernelPackage } from "./harness/kernel.ts";
import { runStage1Suite } from "./stage1-suite.ts";

// A machine takes seconds to boot where it is emulated: what kvm.test.ts shows already is left to it.
runStage1Suite({
  stage1: "kvm",
  skip: [
    {
      reason: "the apps are services of one systemd and so live in one process namespace",
      behaviours: ["apps of a pod do not see each other's processes"],
    },
  ],
  only: [
    "environment, user, groups and working directory are what was asked for",
    "stop sends the stop signal and waits; the app's own code is kept",
    "stop kills what does not listen",
    "kill -9 of the supervisor ends the pod, and nothing stays",
    "a process limit holds, and update changes it",
    "pause halts, resume goes on, stop works on both",
    "attach shows what the app writes",
    "a prepared pod starts later, and rm and gc leave nothing",
  ],
  prepare: async (world) => {
    await world.succeed(["stage1", "build", "kvm", `--kernel-deb=${kernelPackage()}`]);
  },
});
