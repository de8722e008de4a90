import { readAnchorState } from "../../audit/anchor/anchor-state.ts";
import { auditParts } from "../audit/audit-parts.ts";
import type { EngineContext } from "../context.ts";
import type { DoctorCheck } from "../use-cases.ts";
import { failed, passed, warned } from "./section.ts";

/** Whether the event log is anchored in a TPM, could be, or is not wanted to be. */
export async function checkTpm(ctx: EngineContext): Promise<readonly DoctorCheck[]> {
  const { settings, place, log } = auditParts(ctx);
  if (settings.anchor === "off") return [passed("TPM", "not used: audit.json says so; events are recorded UNANCHORED")];
  const complain = settings.anchor === "required" ? failed : warned;
  if (place === undefined) {
    return [
      complain(
        "TPM",
        "no device: events are recorded UNANCHORED",
        "switch the TPM on in the firmware, or give the virtual machine one",
      ),
    ];
  }
  const state = readAnchorState(log.files);
  if (state === undefined)
    return [complain("TPM", `${place.path}: events are recorded UNANCHORED`, "make the anchor: gantry audit init")];
  if (state.lost === true)
    return [
      complain("TPM", `${place.path}: the anchor is lost, events are recorded UNANCHORED`, "see: gantry audit check"),
    ];
  return [passed("TPM", `${place.path}: the event log is anchored in index 0x${state.facts.nvIndex.toString(16)}`)];
}
