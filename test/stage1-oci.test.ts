import { runStage1Suite } from "./stage1-suite.ts";

runStage1Suite({ stage1: "oci" });
