import type { Files } from "../sys/host.ts";
import { CONFIG_LIMIT_BYTES, type NetworkConfig, parseNetworkConfig } from "./config.ts";
import { isJsonObject } from "./decode-json.ts";
import { NetworkError } from "./errors.ts";
import type { CapabilityArgs } from "./plugin-input.ts";

/**
 * All that DEL needs, kept in the pod directory as `net/<ifname>.json` from before the first ADD until the last DEL succeeded.
 * The configuration is the document ADD saw: editing or deleting the file in `net.d` never strands a pod.
 */
export interface AttachmentRecord {
  readonly formatVersion: 1;
  /** `attaching`: ADD may have happened in part; `attached`: `result` is the whole chain's answer. */
  readonly state: "attaching" | "attached";
  readonly network: string;
  readonly ifName: string;
  readonly containerId: string;
  readonly netnsPath: string;
  readonly cniArgs: string;
  readonly capabilityArgs: CapabilityArgs;
  readonly config: string;
  readonly configSource: string;
  readonly result?: string;
}

const RECORD_LIMIT_BYTES = 4 * CONFIG_LIMIT_BYTES;
const TEXT_FIELDS = ["network", "ifName", "containerId", "netnsPath", "cniArgs", "config", "configSource"] as const;

/** Durable before it returns. Mode 0600: plugin configurations may hold credentials. */
export function writeRecord(files: Files, record: AttachmentRecord): void {
  files.writeAtomic(recordPath(record.ifName), JSON.stringify(record), 0o600);
}

/** undefined when the interface has no attachment. @throws {NetworkError} "network/bad-record" */
export function readRecord(files: Files, ifName: string): AttachmentRecord | undefined {
  const rel = recordPath(ifName);
  if (!files.has(rel)) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(files.readText(rel, RECORD_LIMIT_BYTES));
  } catch (reason) {
    throw badRecord(files.path(rel), reason);
  }
  if (isRecord(value)) return value;
  throw badRecord(files.path(rel));
}

/** Interface names with a record, in the order they were attached: eth2 before eth10. */
export function listRecords(files: Files): string[] {
  const names = files.list("net").filter((name) => name.endsWith(".json"));
  return names
    .map((name) => name.slice(0, -".json".length))
    .sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
}

/** Idempotent. */
export function removeRecord(files: Files, ifName: string): void {
  files.remove(recordPath(ifName));
}

/** The network as it was when the pod joined it. @throws {NetworkError} "network/bad-config" */
export function recordedConfig(record: AttachmentRecord): NetworkConfig {
  return parseNetworkConfig(new TextEncoder().encode(record.config), record.configSource);
}

function recordPath(ifName: string): string {
  if (/^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,14}$/.test(ifName)) return `net/${ifName}.json`;
  throw new NetworkError("network/bad-args", `Cannot use interface name "${ifName}": the kernel refuses it`, {
    hint: "use at most 15 letters, digits, _ . -",
  });
}

function isRecord(value: unknown): value is AttachmentRecord {
  if (!isJsonObject(value) || value["formatVersion"] !== 1) return false;
  if (value["state"] !== "attaching" && value["state"] !== "attached") return false;
  if (value["result"] !== undefined && typeof value["result"] !== "string") return false;
  return isJsonObject(value["capabilityArgs"]) && TEXT_FIELDS.every((field) => typeof value[field] === "string");
}

function badRecord(path: string, cause?: unknown): NetworkError {
  return new NetworkError("network/bad-record", `Cannot read attachment record "${path}": it is damaged`, {
    hint: "remove the pod with gantry rm; then look for addresses and rules it left behind",
    cause,
  });
}
