import type { ProbeOptions, Stage1Host, Stage1Probe } from "../../pod/stage1-contract.ts";
import { FIX_MISSING, FIX_OLD, findObstacle, probeCriu } from "./criu.ts";
import { findInstalled, type OciFlavor } from "./runtime.ts";

/** Whether pods of a flavor can be checkpointed on this host, and by what. */
export async function probeCheckpoint(
  flavor: OciFlavor,
  host: Stage1Host,
  options: ProbeOptions = {},
): Promise<Stage1Probe> {
  const installed = findInstalled(flavor, host);
  if (installed.length === 0) {
    return { state: "unavailable", detail: "no runtime installed", fix: flavor.install };
  }
  if (installed.some(({ isSandbox }) => isSandbox)) {
    return { state: "ready", detail: "by runsc itself, of pods without a network (--net=none)" };
  }
  const criu = await probeCriu(host, options);
  if (criu === undefined) return { state: "unavailable", detail: "criu is not installed", fix: FIX_MISSING };
  const shown = `${criu.path} ${criu.version}`;
  if (criu.problem !== undefined) {
    return { state: "unavailable", detail: `${shown} does not work on this kernel: ${criu.problem}`, fix: FIX_OLD };
  }
  const obstacles: string[] = [];
  const able: string[] = [];
  for (const runtime of installed) {
    const obstacle = await findObstacle(host, runtime);
    if (obstacle === undefined) able.push(runtime.name);
    else obstacles.push(`not of ${runtime.name}: ${obstacle}`);
  }
  if (able.length === 0) {
    return { state: "unavailable", detail: [`${shown} works`, ...obstacles].join("; "), fix: "apt-get install runc" };
  }
  return { state: "ready", detail: [`of pods of ${able.join(" and ")}, by ${shown}`, ...obstacles].join("; ") };
}
