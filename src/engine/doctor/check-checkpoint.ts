import type { EngineContext } from "../context.ts";
import { REGIMES, stage1Host } from "../regimes.ts";
import type { DoctorCheck } from "../use-cases.ts";
import { passed, type SectionOptions, warned } from "./section.ts";

/** Which regimes can checkpoint pods on this host; nobody needs it to run them. */
export async function checkCheckpoint(ctx: EngineContext, options: SectionOptions): Promise<readonly DoctorCheck[]> {
  const checks: DoctorCheck[] = [];
  for (const { regime, probeCheckpoint } of REGIMES) {
    if (probeCheckpoint === undefined) continue;
    const { state, detail, fix } = await probeCheckpoint(stage1Host(ctx, regime), { ...options, onlyLook: true });
    const name = `checkpoint ${regime}`;
    checks.push(state === "ready" ? passed(name, detail) : warned(name, detail, fix ?? "see gantry stage1 list"));
  }
  return checks;
}
