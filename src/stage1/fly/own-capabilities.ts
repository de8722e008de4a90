import { CAPABILITY_NAMES } from "../../pod/capabilities.ts";
import { readStatusField } from "../../sys/linux/process-stat.ts";

/** Capabilities this process has, and so an app it starts without any confinement. */
export function ownCapabilities(): readonly string[] {
  const mask = BigInt(`0x${readStatusField("CapPrm") ?? "0"}`);
  return CAPABILITY_NAMES.filter((_, number) => (mask >> BigInt(number)) & 1n);
}
