import type { EngineContext } from "../context.ts";
import type { DoctorCheck } from "../use-cases.ts";
import { askTool, failed, passed, type SectionOptions } from "./section.ts";

/** Oldest systemd-nspawn with all options used (`--console`, `--network-namespace-path`). */
const OLDEST_NSPAWN = 247;

/** Whether the default regime's supervisor is installed, and whether the host itself runs systemd. */
export async function checkSystemd(ctx: EngineContext, options: SectionOptions): Promise<readonly DoctorCheck[]> {
  const answer = await askTool(ctx, ["systemd-nspawn", "--version"], options);
  const isInit = ctx.host.has("run/systemd/system");
  const init = passed(
    "init",
    isInit
      ? "the host runs systemd: pods get units and cgroups from it"
      : "the host does not run systemd: pods get cgroups of their own",
  );
  return [judgeNspawn(answer?.stdout), init];
}

/** Judges what `systemd-nspawn --version` printed; undefined: it is not there. Pure. */
export function judgeNspawn(output: string | undefined): DoctorCheck {
  const name = "systemd-nspawn";
  if (output === undefined) return failed(name, "not installed", "apt install systemd-container");
  const [, version, full] = /^systemd (\d+)(?: \(([^)]*)\))?/.exec(output) ?? [];
  if (version === undefined)
    return failed(name, "it does not say its version", "apt install --reinstall systemd-container");
  if (Number(version) >= OLDEST_NSPAWN) return passed(name, `version ${full ?? version}`);
  return failed(name, `version ${full ?? version} is older than ${OLDEST_NSPAWN}`, "upgrade systemd-container");
}
