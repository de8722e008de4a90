import { kernelPackage } from "./harness/kernel.ts";
import { runStage1Suite } from "./stage1-suite.ts";

runStage1Suite({
  stage1: "kvm",
  skip: [
    {
      reason: "the apps are services of one systemd and so live in one process namespace",
      behaviours: ["apps of a pod do not see each other's processes"],
    },
  ],
  prepare: async (world) => {
    await world.succeed(["stage1", "build", "kvm", `--kernel-deb=${kernelPackage()}`]);
  },
});
