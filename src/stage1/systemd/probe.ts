import type { Stage1Host, Stage1Probe } from "../../pod/stage1-contract.ts";
import { askVersion } from "../ask-version.ts";

/** Oldest systemd-nspawn with all options used (`--console`, `--network-namespace-path`). */
const OLDEST_NSPAWN = 247;

/** Whether systemd-nspawn is there and new enough. */
export async function probeSystemd(
  host: Stage1Host,
  options: { readonly signal?: AbortSignal } = {},
): Promise<Stage1Probe> {
  return judgeNspawn(await askVersion(host, ["systemd-nspawn", "--version"], options));
}

/** Judges what `systemd-nspawn --version` printed; undefined: it is not there. Pure. */
export function judgeNspawn(output: string | undefined): Stage1Probe {
  if (output === undefined) {
    return { state: "unavailable", detail: "systemd-nspawn not installed", fix: "apt install systemd-container" };
  }
  const [, version, full] = /^systemd (\d+)(?: \(([^)]*)\))?/.exec(output) ?? [];
  if (version !== undefined && Number(version) >= OLDEST_NSPAWN) {
    return { state: "ready", detail: `systemd-nspawn ${full ?? version}` };
  }
  const detail = `systemd-nspawn ${full ?? version ?? "of unknown version"} is older than ${OLDEST_NSPAWN}`;
  return { state: "unavailable", detail, fix: "upgrade systemd-container" };
}
