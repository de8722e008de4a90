import type { EngineError } from "../base/errors.ts";
import { ImageError, type ImageErrorCode } from "../image/errors.ts";
import { StoreError, type StoreErrorCode } from "../store/errors.ts";
import type { UnpackInput, UnpackOptions, UnpackResult } from "../store/unpack-layer.ts";
import { SysError, type SysErrorCode } from "../sys/errors.ts";
import { selfArgv } from "../sys/linux/self.ts";
import type { EngineContext } from "./context.ts";

/** The last stage of the JIT compiler costs such a short process more than it brings: a tenth of all processor time. */
const ENVIRONMENT = { BUN_JSC_useFTLJIT: "0" };

/**
 * Runs one unpack job as `gantry __unpack`, JSON in and out. Errors of the job come back with their code. With `packed`
 * the blob is handed over while it arrives.
 */
export async function runUnpackProcess(
  ctx: EngineContext,
  input: UnpackInput,
  { signal, packed }: UnpackOptions,
): Promise<UnpackResult> {
  const job = JSON.stringify(input);
  const call =
    packed === undefined
      ? { argv: [...selfArgv(), "--json", "__unpack"], stdin: job }
      : { argv: [...selfArgv(), "--json", "__unpack", job], stdin: packed };
  const { exitCode, stdout, stderr } = await ctx.programs.run(
    { ...call, argv: call.argv as [string, ...string[]], env: ENVIRONMENT, timeoutMs: 24 * 3600_000 },
    signal === undefined ? {} : { signal },
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
