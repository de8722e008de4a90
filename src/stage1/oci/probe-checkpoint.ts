import type { ProbeOptions, Stage1Host, Stage1Probe } from "../../pod/stage1-contract.ts";
import { canCallCriu, FIX_MISSING, FIX_OLD, probeCriu } from "./criu.ts";
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
  const able: string[] = [];
  for (const runtime of installed) if (await canCallCriu(host, runtime)) able.push(runtime.name);
  if (able.length === 0) {
    return {
      state: "unavailable",
      detail: `${shown} works, but crun was built without CRIU`,
      fix: "apt-get install runc",
    };
  }
  const others = installed.filter(({ name }) => !able.includes(name)).map(({ name }) => name);
  const note = others.length === 0 ? "" : `; not of ${others.join(", ")}, which was built without CRIU`;
  return { state: "ready", detail: `of pods of ${able.join(" and ")}, by ${shown}${note}` };
}
