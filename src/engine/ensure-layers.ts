import type { ImageConfig, ImageManifest } from "../image/image-config.ts";
import { StoreError } from "../store/errors.ts";
import type { UnpackInput, UnpackResult } from "../store/unpack-layer.ts";
import { unpackLayers } from "../store/unpack-layers.ts";
import type { UnpackedLayer } from "../store/unpacked-layer.ts";
import { selfArgv } from "../sys/linux/self.ts";
import type { EngineContext } from "./context.ts";

/** Unpacks what is not unpacked yet, large layers each in a process of its own. */
export async function ensureLayers(
  ctx: EngineContext,
  image: { readonly manifest: ImageManifest; readonly config: ImageConfig },
  options: { readonly signal?: AbortSignal } = {},
): Promise<UnpackedLayer[]> {
  const tools = {
    files: ctx.root,
    maxParallel: Math.max(1, navigator.hardwareConcurrency),
    runJob: (input: UnpackInput, jobOptions: { readonly signal?: AbortSignal }) => runUnpackProcess(ctx, input, jobOptions),
  };
  return await unpackLayers(tools, image, options);
}

/** Runs one unpack job as `gantry __unpack`, JSON in and out. Errors of the job come back with their code. */
async function runUnpackProcess(ctx: EngineContext, input: UnpackInput, options: { readonly signal?: AbortSignal }): Promise<UnpackResult> {
  const { exitCode, stdout, stderr } = await ctx.programs.run(
    { argv: [...selfArgv(), "__unpack"], stdin: JSON.stringify(input), timeoutMs: 24 * 3600_000 },
    options,
  );
  if (exitCode === 0) return JSON.parse(stdout) as UnpackResult;
  throw new StoreError("store/unpack-failed", `Cannot unpack layer ${input.diffId}: ${stderr.trim() || `the unpacking process ended with ${exitCode}`}`, {
    hint: "see the message; a damaged layer has to be published anew, a full disk cleared: gantry image gc",
    data: { exitCode },
  });
}
