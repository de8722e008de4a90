import type { EngineContext } from "../context.ts";
import type { DoctorCheck } from "../use-cases.ts";
import { failed, passed, readIfThere } from "./section.ts";

/** Number of CAP_SYS_ADMIN. Spec: capabilities(7). */
const SYS_ADMIN = 21n;
const NET_ADMIN = 12n;

/** Whether this process may mount, make namespaces and configure networks. */
export async function checkPrivileges(ctx: EngineContext): Promise<readonly DoctorCheck[]> {
  const status = readIfThere(ctx.proc, "self/status") ?? "";
  const uid = /^Uid:\s+\d+\s+(\d+)/m.exec(status)?.[1];
  if (uid !== "0") {
    return [failed("privileges", `running as user ${uid ?? "unknown"}; pods need root`, "run gantry with sudo")];
  }
  const effective = BigInt(`0x${/^CapEff:\s+([0-9a-f]+)/m.exec(status)?.[1] ?? "0"}`);
  const missing = [
    ...((effective >> SYS_ADMIN) & 1n ? [] : ["CAP_SYS_ADMIN"]),
    ...((effective >> NET_ADMIN) & 1n ? [] : ["CAP_NET_ADMIN"]),
  ];
  if (missing.length === 0) return [passed("privileges", "root with all that is needed")];
  const fix = "run gantry outside that container, or give it these capabilities";
  return [failed("privileges", `root, but without ${missing.join(" and ")}`, fix)];
}
