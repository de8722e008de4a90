import type { EngineContext } from "../context.ts";
import type { DoctorCheck } from "../use-cases.ts";
import { passed, warned } from "./section.ts";

/** Whether there is a TPM that the event log could be anchored in. */
export async function checkTpm(ctx: EngineContext): Promise<readonly DoctorCheck[]> {
  const device = ["dev/tpmrm0", "dev/tpm0"].find((rel) => ctx.host.has(rel));
  if (device !== undefined) return [passed("TPM", `/${device}`)];
  return [
    warned(
      "TPM",
      "no device: events are recorded, but not anchored in hardware",
      "switch the TPM on in the firmware, or give the virtual machine one",
    ),
  ];
}
