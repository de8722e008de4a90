import type { Files } from "../../sys/host.ts";
import { AuditError } from "../errors.ts";
import type { AuditSettings } from "../settings.ts";
import { Tpm } from "./tpm.ts";

/** Where a TPM is. */
export interface TpmPlace {
  readonly path: string;
  readonly kind: "device" | "socket";
}

const DEVICES = ["/dev/tpmrm0", "/dev/tpm0"];

/** The TPM that is configured, else the kernel's; the one with a resource manager first. `host` is the root directory. */
export function findTpm(host: Files, settings: AuditSettings, env: string | undefined): TpmPlace | undefined {
  const named = env ?? settings.tpm;
  const path = named ?? DEVICES.find((device) => host.has(device.slice(1)));
  if (path === undefined) return undefined;
  return { path, kind: path.startsWith("/dev/") ? "device" : "socket" };
}

/** How tpm2-tools are told of it. */
export function tctiOf({ path, kind }: TpmPlace): string {
  return kind === "device" ? `device:${path}` : `swtpm:path=${path}`;
}

/** @throws {AuditError} "audit/no-tpm" */
export function openTpm(place: TpmPlace | undefined, settings: AuditSettings): Tpm {
  if (place !== undefined) return Tpm.open(place.path, place.kind, settings.tpmTimeoutMs);
  throw new AuditError("audit/no-tpm", "Cannot anchor the event log: this host has no TPM", {
    hint: 'switch it on in the firmware, or say that none is wanted: {"anchor": "off"} in audit.json',
  });
}
