import { EngineError, formatReason } from "../../base/errors.ts";
import { SysError } from "../../sys/errors.ts";
import type { Files, ProgramResult } from "../../sys/host.ts";
import type { EngineContext } from "../context.ts";
import type { DoctorCheck } from "../use-cases.ts";

/** How a section gives up. */
export interface SectionOptions {
  readonly signal?: AbortSignal;
}

/** A group of checks about one part of the host. */
export interface DoctorSection {
  readonly name: string;
  run(ctx: EngineContext, options: SectionOptions): Promise<readonly DoctorCheck[]>;
}

const TOOL_TIMEOUT_MS = 10_000;

/** Runs a section; an engine error in it becomes one failed check. */
export async function runSection(
  ctx: EngineContext,
  section: DoctorSection,
  options: SectionOptions,
): Promise<readonly DoctorCheck[]> {
  try {
    return await section.run(ctx, options);
  } catch (reason) {
    if (!(reason instanceof EngineError) || options.signal?.aborted === true) throw reason;
    return [failed(section.name, formatReason(reason), reason.hint ?? "repair that, then run gantry doctor again")];
  }
}

/** A check that found what it wants. */
export function passed(name: string, detail: string): DoctorCheck {
  return { name, state: "ok", detail };
}

/** Something is missing that not everybody needs. */
export function warned(name: string, detail: string, fix: string): DoctorCheck {
  return { name, state: "warn", detail, fix };
}

/** Pods cannot run like this. */
export function failed(name: string, detail: string, fix: string): DoctorCheck {
  return { name, state: "fail", detail, fix };
}

/** Runs a tool that only reports; undefined when it is not installed, or does not answer in time. */
export async function askTool(
  ctx: EngineContext,
  argv: readonly [string, ...string[]],
  options: SectionOptions,
): Promise<ProgramResult | undefined> {
  try {
    const env = { PATH: ctx.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" };
    return await ctx.programs.run({ argv, env, timeoutMs: TOOL_TIMEOUT_MS }, options);
  } catch (reason) {
    if (reason instanceof SysError && (reason.code === "sys/program-missing" || reason.code === "sys/timeout"))
      return undefined;
    throw reason;
  }
}

/** A small file of the kernel's; undefined when it is not there or may not be read. */
export function readIfThere(files: Files, rel: string): string | undefined {
  try {
    return files.has(rel) ? files.readText(rel).trim() : undefined;
  } catch (reason) {
    // Some files exist but refuse to be read, by which they tell as much as by being absent.
    if (reason instanceof SysError) return undefined;
    throw reason;
  }
}

/** Absolute path of a program in the directories of PATH; nothing is run. */
export function findProgram(ctx: EngineContext, name: string): string | undefined {
  const dirs = `${ctx.env["PATH"] ?? ""}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`.split(":");
  const found = dirs.find(
    (dir) => /^\/[^\0]+$/.test(dir) && !/\/\.{0,2}(\/|$)/.test(dir) && ctx.host.has(`${dir.slice(1)}/${name}`),
  );
  return found === undefined ? undefined : `${found}/${name}`;
}
