import { formatReason } from "../base/errors.ts";
import type { Files } from "../sys/host.ts";
import { AuditError } from "./errors.ts";

/** File of a configuration layer with these settings; each member of a stronger layer replaces the weaker one's. */
export const SETTINGS_FILE = "audit.json";

/** How strict the audit is. */
export interface AuditSettings {
  /** `required`: nothing starts unanchored; `preferred`: it starts, loudly; `off`: no TPM is looked for. */
  readonly anchor: "required" | "preferred" | "off";
  /** Whether something may start, be verified or trusted while the log cannot be written. */
  readonly write: "required" | "preferred";
  /** TPM device or socket; default: the kernel's. */
  readonly tpm?: string;
  /** How long a TPM may keep everybody waiting, in milliseconds. */
  readonly tpmTimeoutMs: number;
}

const DEFAULTS: AuditSettings = { anchor: "preferred", write: "required", tpmTimeoutMs: 30_000 };

type Check = (value: unknown) => boolean;

const CHECKS: Readonly<Record<keyof AuditSettings, Check>> = {
  anchor: (value) => value === "required" || value === "preferred" || value === "off",
  write: (value) => value === "required" || value === "preferred",
  tpm: (value) => typeof value === "string" && value.startsWith("/"),
  tpmTimeoutMs: (value) => typeof value === "number" && Number.isInteger(value) && value >= 100 && value <= 600_000,
};

/** Merges the settings of all layers, weakest first. @throws {AuditError} "audit/bad-config" */
export function readAuditSettings(layers: readonly Files[]): AuditSettings {
  return Object.assign({}, DEFAULTS, ...layers.map(readLayer));
}

function readLayer(files: Files): Partial<AuditSettings> {
  if (!files.has(SETTINGS_FILE)) return {};
  const path = files.path(SETTINGS_FILE);
  const value = parseObject(path, files.readText(SETTINGS_FILE));
  for (const [name, member] of Object.entries(value)) {
    const check = Object.hasOwn(CHECKS, name) ? CHECKS[name as keyof AuditSettings] : undefined;
    if (check === undefined) throw bad(path, `"${name}" is no setting`);
    if (!check(member)) throw bad(path, `"${name}" has a value that is not possible`);
  }
  return value;
}

function parseObject(path: string, text: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (reason) {
    throw bad(path, formatReason(reason), reason);
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  throw bad(path, "it is no JSON object");
}

function bad(path: string, why: string, cause?: unknown): AuditError {
  return new AuditError("audit/bad-config", `Cannot use "${path}": ${why}`, {
    hint: 'write it as {"anchor": "required"|"preferred"|"off", "write": "required"|"preferred", "tpm": "/dev/tpmrm0"}',
    ...(cause === undefined ? {} : { cause }),
  });
}
