import { runStage1Suite } from "./stage1-suite.ts";

runStage1Suite({
  stage1: "gvisor",
  skip: [
    {
      reason: "each app has a kernel of its own, so a pod has one app; several are refused",
      behaviours: [
        "a failing app ends the pod with its code, a finished one does not",
        "apps of a pod share network and host name, not files",
        "apps of a pod do not see each other's processes",
      ],
    },
    {
      reason: "the app's processes are the sandbox's own affair: the host counts threads of its kernel instead",
      behaviours: ["a process limit holds, and update changes it"],
    },
  ],
});
