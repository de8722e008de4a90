import { runStage1Suite } from "./stage1-suite.ts";

runStage1Suite({
  stage1: "fly",
  skip: [
    {
      reason: "a pod of the fly regime has exactly one app",
      behaviours: [
        "a failing app ends the pod with its code, a finished one does not",
        "apps of a pod share network and host name, not files",
        "apps of a pod do not see each other's processes",
      ],
    },
    {
      reason: "apps of the fly regime have the rights of the host's root on purpose",
      behaviours: ["exec has no more rights than the app"],
    },
  ],
});
