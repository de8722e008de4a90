import type { EngineContext } from "../context.ts";
import type { DoctorCheck } from "../use-cases.ts";
import { passed } from "./section.ts";

/** Whether the host itself runs systemd. */
export async function checkSystemd(ctx: EngineContext): Promise<readonly DoctorCheck[]> {
  const isInit = ctx.host.has("run/systemd/system");
  const detail = isInit
    ? "the host runs systemd: pods get units and cgroups from it"
    : "the host does not run systemd: pods get cgroups of their own";
  return [passed("init", detail)];
}
