import type { EngineError } from "../base/errors.ts";
import { ImageError, type ImageErrorCode } from "../image/errors.ts";
import type { ImageConfig, ImageManifest } from "../image/image-config.ts";
import { StoreError, type StoreErrorCode } from "../store/errors.ts";
import type { UnpackInput, UnpackResult } from "../store/unpack-layer.ts";
import { findUnpackedLayers, type UnpackedLayer } from "../store/unpacked-layer.ts";
import { SysError, type SysErrorCode } from "../sys/errors.ts";
import { selfArgv } from "../sys/linux/self.ts";
import type { EngineContext } from "./context.ts";

/** Unpacks what is not unpacked yet, large layers each in a process of its own. */
export async function ensureLayers(
  ctx: EngineContext,
  image: { readonly manifest: ImageManifest; readonly config: ImageConfig },
  options: { readonly signal?: AbortSignal } = {},
): Promise<UnpackedLayer[]> {
  const ready = findUnpackedLayers(ctx.root, image.config.diffIds);
  if (ready !== undefined) return ready;
  const { unpackLayers } = await import("../store/unpack-layers.ts");
  const tools = {
    files: ctx.root,
    maxParallel: Math.max(1, navigator.hardwareConcurrency),
    runJob: (input: UnpackInput, jobOptions: { readonly signal?: AbortSignal }) =>
      runUnpackProcess(ctx, input, jobOptions),
  };
  return await unpackLayers(tools, image, options);
}

/** Runs one unpack job as `gantry __unpack`, JSON in and out. Errors of the job come back with their code. */
async function runUnpackProcess(
  ctx: EngineContext,
  input: UnpackInput,
  options: { readonly signal?: AbortSignal },
): Promise<UnpackResult> {
  const { exitCode, stdout, stderr } = await ctx.programs.run(
    { argv: [...selfArgv(), "--json", "__unpack"], stdin: JSON.stringify(input), timeoutMs: 24 * 3600_000 },
    options,
  );
  if (exitCode === 0) return JSON.parse(stdout) as UnpackResult;
  throw jobError(input, { exitCode, stderr });
}

/** The job's own error, as it was thrown there; anything else it said is reported as it is. */
function jobError(input: UnpackInput, ended: { readonly exitCode: number; readonly stderr: string }): EngineError {
  const told = parseJobError(ended.stderr);
  if (told?.code.startsWith("image/")) return new ImageError(told.code as ImageErrorCode, told.message, told);
  if (told?.code.startsWith("store/")) return new StoreError(told.code as StoreErrorCode, told.message, told);
  if (told?.code.startsWith("sys/")) return new SysError(told.code as SysErrorCode, told.message, told);
  const state = ended.stderr.trim() === "" ? `the unpacking process ended with ${ended.exitCode}` : ended.stderr.trim();
  return new StoreError("store/unpack-failed", `Cannot unpack layer ${input.diffId}: ${state}`, {
    hint: "see the message; a damaged layer has to be published anew, a full disk cleared: gantry image gc",
    data: { exitCode: ended.exitCode },
  });
}

interface JobError {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

function parseJobError(stderr: string): JobError | undefined {
  const line = stderr.trim().split("\n").at(-1) ?? "";
  if (!line.startsWith("{")) return undefined;
  try {
    const { error } = JSON.parse(line) as { readonly error?: Partial<JobError> };
    if (typeof error?.code !== "string" || typeof error.message !== "string") return undefined;
    return {
      code: error.code,
      message: error.message,
      ...(typeof error.hint === "string" ? { hint: error.hint } : {}),
    };
  } catch {
    // Not our own error line: the caller shows the text.
    return undefined;
  }
}
