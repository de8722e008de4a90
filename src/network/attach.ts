import { type AttachmentRecord, readRecord, removeRecord, writeRecord } from "./attachment-record.ts";
import { isAtLeast } from "./cni-version.ts";
import type { NetworkConfig } from "./config.ts";
import { type AttachmentHost, deleteChain, detachNetwork } from "./detach.ts";
import { NetworkError } from "./errors.ts";
import { assertPluginsPresent, invokePlugin } from "./invoke.ts";
import { parseNetArgs } from "./net-args.ts";
import { type CapabilityArgs, planPluginInput } from "./plugin-input.ts";
import { type AttachmentResult, parseResult } from "./result.ts";

/** A network to join and who joins it. */
export interface AttachmentInput {
  readonly network: NetworkConfig;
  readonly containerId: string;
  readonly netnsPath: string;
  readonly ifName: string;
  /** From `--net name:KEY=VALUE;…`. */
  readonly args?: Readonly<Record<string, string>>;
  /** Only for the network that maps the pod's ports. */
  readonly portMappings?: readonly PortMapping[];
  /** Further capability values, passed to plugins that declare them. */
  readonly capabilityArgs?: CapabilityArgs;
}

/** A port mapping in the form plugins read. Spec: CNI conventions, `portMappings`. */
export interface PortMapping {
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol: "tcp" | "udp" | "sctp";
  readonly hostIP?: string;
}

/**
 * Joins one network: ADD through the chain. The record is on disk before the first plugin runs, so whatever kills us, a later
 * `detachNetwork` cleans up. On failure the whole chain gets DEL in reverse at once, whether or not `signal` fired; when
 * that fails too, the record stays. An attachment left half made by a killed run is taken down first.
 * @throws {NetworkError} "network/plugin-failed", "network/plugin-missing", "network/bad-result", "network/bad-args",
 * "network/address-exhausted"; `data.undoFailures` when cleaning up failed as well.
 * Spec: CNI 1.1.0, "Adding an attachment".
 */
export async function attachNetwork(
  host: AttachmentHost,
  input: AttachmentInput,
  options?: { readonly signal?: AbortSignal },
): Promise<AttachmentResult> {
  const record = planRecord(input);
  assertPluginsPresent(host.pluginDirs, input.network);
  if (readRecord(host.files, input.ifName) !== undefined) await detachNetwork(host, input.ifName, options);
  writeRecord(host.files, record);
  const chain = new Chain(host, input.network, record);
  try {
    const result = await chain.add(options);
    writeRecord(host.files, { ...record, state: "attached", result: result.raw });
    return result;
  } catch (reason) {
    throw await chain.undo(reason);
  }
}

function planRecord({
  network,
  containerId,
  netnsPath,
  ifName,
  args,
  portMappings,
  capabilityArgs,
}: AttachmentInput): AttachmentRecord {
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(containerId)) {
    throw new NetworkError("network/bad-args", `Cannot use container id "${containerId}": plugins refuse it`, {
      hint: "start it with a letter or digit and go on with letters, digits, _ . -",
    });
  }
  const parsed = parseNetArgs(network.name, args ?? {});
  return {
    formatVersion: 1,
    state: "attaching",
    network: network.name,
    ifName,
    containerId,
    netnsPath,
    cniArgs: parsed.cniArgs,
    capabilityArgs: {
      ...capabilityArgs,
      ...parsed.capabilityArgs,
      ...(portMappings !== undefined && portMappings.length > 0 && { portMappings }),
    },
    config: network.text,
    configSource: network.source,
  };
}

/** One run through a chain; remembers how far it came. */
class Chain {
  private readonly host: AttachmentHost;
  private readonly config: NetworkConfig;
  private readonly record: AttachmentRecord;
  private prevResult: string | undefined;
  /** How many plugins have set up their part. */
  private done = 0;

  constructor(host: AttachmentHost, config: NetworkConfig, record: AttachmentRecord) {
    this.host = host;
    this.config = config;
    this.record = record;
  }

  async add(options?: { readonly signal?: AbortSignal }): Promise<AttachmentResult> {
    const { config, record } = this;
    const chained = isAtLeast(config.cniVersion, "0.3.0");
    let result: AttachmentResult | undefined;
    for (const plugin of config.plugins) {
      const prevResult = chained ? this.prevResult : undefined;
      const input = planPluginInput(config, plugin, { capabilityArgs: record.capabilityArgs, prevResult });
      const call = { command: "ADD", type: plugin.type, network: config.name, input, attachment: record } as const;
      result = parseResult(await invokePlugin(this.host, call, options), plugin.type);
      this.prevResult = result.raw;
      this.done += 1;
    }
    if (result !== undefined) return result;
    throw new NetworkError("network/bad-config", `Cannot join network "${config.name}": it has no plugins`, {
      hint: "add at least one plugin to its configuration",
    });
  }

  /** Takes down what was set up and returns the error to throw: the first failure, with those of cleaning up as data. */
  async undo(reason: unknown): Promise<unknown> {
    const { plugins } = this.config;
    const later = await this.delete(plugins.slice(this.done));
    const earlier = await this.delete(plugins.slice(0, this.done));
    const failures = [...later, ...earlier];
    // What a plugin refuses to set up it may refuse to take down, for ever; there is nothing of it to come back for.
    const kept = hasAnswered(reason) ? earlier : failures;
    if (kept.length === 0) removeRecord(this.host.files, this.record.ifName);
    // A foreign reason (an abort, a bug) goes out as it is; the record that stays tells the rest.
    if (failures.length === 0 || !(reason instanceof NetworkError)) return reason;
    return new NetworkError(reason.code, reason.message, {
      ...(reason.hint === undefined ? {} : { hint: reason.hint }),
      data: { ...reason.data, undoFailures: failures.map((one) => one.message) },
      cause: reason,
    });
  }

  private delete(plugins: NetworkConfig["plugins"]): Promise<NetworkError[]> {
    const { record, prevResult } = this;
    return deleteChain(this.host, { record, config: { ...this.config, plugins }, prevResult });
  }
}

/** The plugin ended by itself and said no; one that was killed may have done half its work. */
function hasAnswered(reason: unknown): boolean {
  return reason instanceof NetworkError && typeof reason.data["exitCode"] === "number";
}
