import { runStage1Suite } from "./stage1-suite.ts";

runStage1Suite({
  stage1: "systemd",
  skip: [
    {
      reason: "the apps are services of one systemd and so live in one process namespace",
      behaviours: ["apps of a pod do not see each other's processes"],
    },
  ],
});
