import { PodError } from "../pod/errors.ts";
import type { PodManifest } from "../pod/manifest.ts";
import { type PodLocation, readPodManifest } from "../pod/pod-store.ts";
import type { Stage1 } from "../pod/stage1-contract.ts";
import { Stage1Error } from "../stage1/errors.ts";
import type { Files } from "../sys/host.ts";
import type { EngineContext } from "./context.ts";
import { stage1Of } from "./regimes.ts";

/** A pod that runs, and the regime it runs in. */
export interface RunningPod {
  readonly location: PodLocation;
  readonly files: Files;
  readonly manifest: PodManifest;
  readonly stage1: Stage1;
}

/** The running pod a user means. @param what Verb of the message. @throws {PodError} "pod/not-found", "pod/wrong-state" */
export function findRunningPod(ctx: EngineContext, text: string, what: string): RunningPod {
  const location = ctx.pods.find(text);
  const files = ctx.pods.files(location);
  const manifest = readPodManifest(files);
  if (manifest === undefined || location.dir !== "run" || ctx.pods.state(location) !== "running") {
    throw new PodError("pod/wrong-state", `Cannot ${what} pod ${location.id}: it is ${ctx.pods.state(location)}`, {
      hint: "start a pod first: gantry run -d IMAGE",
    });
  }
  return { location, files, manifest, stage1: stage1Of(manifest) };
}

/** What a regime leaves out. */
export function notOffered(stage1: Stage1, what: string): Stage1Error {
  return new Stage1Error(
    "stage1/unsupported",
    `Cannot ${what} a pod of the ${stage1.regime} regime: it does not offer that`,
    {
      hint: "run the pod under another regime: gantry run --stage1=REGIME; see gantry stage1 list",
    },
  );
}
