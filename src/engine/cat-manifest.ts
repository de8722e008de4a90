import { PodError } from "../pod/errors.ts";
import type { EngineContext } from "./context.ts";

/** The manifest of a pod, byte for byte as it was decided. @throws {PodError} "pod/wrong-state" while there is none */
export function catManifest(ctx: EngineContext, input: { readonly pod: string }): string {
  const location = ctx.pods.find(input.pod);
  const files = ctx.pods.files(location);
  if (files.has("pod.json")) return files.readText("pod.json", 8 * 1024 * 1024);
  throw new PodError("pod/wrong-state", `Cannot show the manifest of pod ${location.id}: it has none yet`, {
    hint: "wait until it is prepared: gantry list",
  });
}
