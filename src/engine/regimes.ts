import type { PodManifest, Stage1EntryPoints } from "../pod/manifest.ts";
import type { Stage1, Stage1Host } from "../pod/stage1-contract.ts";
import { Stage1Error } from "../stage1/errors.ts";
import { externalStage1 } from "../stage1/external/stage1.ts";
import { flyStage1 } from "../stage1/fly/stage1.ts";
import { kvmStage1 } from "../stage1/kvm/stage1.ts";
import { gvisorStage1, ociStage1 } from "../stage1/oci/stage1.ts";
import { systemdStage1 } from "../stage1/systemd/stage1.ts";
import type { EngineContext } from "./context.ts";

/** Every built-in regime, the default one first. */
export const REGIMES: readonly Stage1[] = [systemdStage1, ociStage1, gvisorStage1, kvmStage1, flyStage1];

const DEFAULT_REGIME = "systemd";

/** @throws {Stage1Error} "stage1/unknown-regime" */
export function findStage1(name: string = DEFAULT_REGIME): Stage1 {
  const found = REGIMES.find((regime) => regime.regime === name);
  if (found !== undefined) return found;
  throw new Stage1Error("stage1/unknown-regime", `Cannot find stage1 "${name}": there is no such regime`, {
    hint: `use one of: ${REGIMES.map((regime) => regime.regime).join(", ")}`,
  });
}

/** Whether `--stage1` names an image rather than a regime. */
export function isStage1Image(name: string): boolean {
  return /[/:.]/.test(name);
}

/** Answers calls of any stage1 image: what to call comes with the call. */
const NO_ENTRIES: Stage1EntryPoints = { name: "external", run: "", enter: "", stop: "", gc: "" };

/** A built-in regime by the name its own processes know it by. @throws {Stage1Error} "stage1/unknown-regime" */
export function findHelper(name: string): Stage1["helper"] {
  return name === "external" ? externalStage1(NO_ENTRIES).helper : findStage1(name).helper;
}

/** The regime a pod was prepared for; a pod whose manifest is gone is treated as one of the default regime. */
export function stage1Of(manifest: Pick<PodManifest, "stage1"> | undefined): Stage1 {
  const entries = manifest?.stage1.entries;
  return entries === undefined ? findStage1(manifest?.stage1.regime) : externalStage1(entries);
}

/** What a regime may use to look at the host. */
export function stage1Host(ctx: EngineContext, regime: string): Stage1Host {
  const { host, programs, clock, env } = ctx;
  return { host, cache: ctx.root.sub(`regimes/${regime}`), programs, clock, env };
}
