import { formatReason } from "../base/errors.ts";
import { SysError } from "../sys/errors.ts";
import type { Files, ProgramResult, Programs } from "../sys/host.ts";
import { decodeJson, isJsonObject, type JsonObject } from "./decode-json.ts";
import { NetworkError } from "./errors.ts";

/** What running plugins needs of the host. */
export interface PluginHost {
  readonly programs: Programs;
  /** Directories with plugin executables, searched in order. */
  readonly pluginDirs: readonly Files[];
  /** Descriptors every plugin inherits: the pod's lock then lives as long as its last plugin, even when we are killed. */
  readonly inheritFds?: readonly number[];
  /** Per plugin call; default 60 s. */
  readonly timeoutMs?: number;
}

/** Operations of the protocol. Spec: CNI 1.1.0, "CNI operations". */
export type CniCommand = "ADD" | "DEL" | "CHECK" | "GC" | "STATUS" | "VERSION";

/** One call of one plugin. */
export interface PluginCall {
  readonly command: CniCommand;
  /** Executable name. */
  readonly type: string;
  /** Network the call is for, for messages. */
  readonly network: string;
  /** What goes to standard input. */
  readonly input: JsonObject;
  /** The attachment, for ADD, DEL and CHECK. */
  readonly attachment?: {
    readonly containerId: string;
    readonly netnsPath: string;
    readonly ifName: string;
    readonly cniArgs: string;
  };
}

const DEFAULT_TIMEOUT_MS = 60_000;
const ANSWER_LIMIT_BYTES = 1024 * 1024;
const PLUGIN_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Error codes by which plugins say that an address pool is used up have no number of their own: host-local says it in words. */
const EXHAUSTED = "no IP addresses available";

/**
 * Runs one plugin to its end and returns what it printed. The plugin sees the CNI variables and PATH, nothing else of the
 * environment; its answer is limited to 1 MiB.
 * @throws {NetworkError} "network/plugin-missing", "network/plugin-failed", "network/address-exhausted"
 * Spec: CNI 1.1.0, "Section 2: Execution Protocol".
 */
export async function invokePlugin(
  host: PluginHost,
  call: PluginCall,
  options?: { readonly signal?: AbortSignal },
): Promise<string> {
  const path = findPlugin(host.pluginDirs, call.type);
  if (path === undefined) throw pluginMissing(host.pluginDirs, call);
  try {
    const { exitCode, stdout, stderr } = await host.programs.run(
      {
        argv: [path],
        env: environment(host, call),
        stdin: JSON.stringify(call.input),
        limitBytes: ANSWER_LIMIT_BYTES,
        timeoutMs: host.timeoutMs ?? DEFAULT_TIMEOUT_MS,
        ...(host.inheritFds === undefined ? {} : { inheritFds: host.inheritFds }),
      },
      options,
    );
    if (exitCode === 0) return stdout;
    throw pluginFailed(call, { exitCode, stdout, stderr });
  } catch (reason) {
    if (!(reason instanceof SysError)) throw reason;
    throw new NetworkError("network/plugin-failed", `Cannot ${describe(call)}: ${formatReason(reason)}`, {
      hint: "run gantry net check, then read the log of that plugin",
      data: { plugin: call.type, network: call.network, command: call.command },
      cause: reason,
    });
  }
}

/** Absolute path of a plugin's executable: the first directory that has it wins. */
export function findPlugin(dirs: readonly Files[], type: string): string | undefined {
  return dirs.find((dir) => dir.has(type))?.path(type);
}

/** Looks for all plugins of a network before the first one runs. @throws {NetworkError} "network/plugin-missing" */
export function assertPluginsPresent(
  dirs: readonly Files[],
  { name, plugins }: { readonly name: string; readonly plugins: readonly { readonly type: string }[] },
): void {
  const missing = plugins.find(({ type }) => findPlugin(dirs, type) === undefined);
  if (missing !== undefined) throw pluginMissing(dirs, { command: "ADD", type: missing.type, network: name });
}

function pluginMissing(dirs: readonly Files[], call: Pick<PluginCall, "command" | "type" | "network">): NetworkError {
  const searched = dirs.map((dir) => dir.root);
  const where = searched.length === 0 ? "no directory" : searched.join(", ");
  return new NetworkError("network/plugin-missing", `Cannot ${describe(call)}: no such program in ${where}`, {
    hint: "apt install containernetworking-plugins, or put the plugin into one of these directories",
    data: { plugin: call.type, network: call.network, searched },
  });
}

function environment(host: PluginHost, { command, attachment }: PluginCall): Record<string, string> {
  return {
    PATH: PLUGIN_PATH,
    CNI_COMMAND: command,
    CNI_PATH: host.pluginDirs.map((dir) => dir.root).join(":"),
    ...(attachment && {
      CNI_CONTAINERID: attachment.containerId,
      CNI_NETNS: attachment.netnsPath,
      CNI_IFNAME: attachment.ifName,
      CNI_ARGS: attachment.cniArgs,
    }),
  };
}

function pluginFailed(call: PluginCall, end: ProgramResult): NetworkError {
  const { cniCode, cniMsg, details } = parsePluginError(end.stdout);
  const last = end.stderr.trim().split("\n").at(-1) ?? "";
  const reason = [cniMsg, details].filter(Boolean).join(": ") || last || `exit code ${end.exitCode}`;
  const text = clip(reason);
  const exhausted = reason.includes(EXHAUSTED);
  return new NetworkError(
    exhausted ? "network/address-exhausted" : "network/plugin-failed",
    `Cannot ${describe(call)}: ${text}`,
    {
      hint: exhausted
        ? "widen the ipam range of the network, or remove pods that ended: gantry gc"
        : `look up what "${call.type}" needs, then run gantry net check`,
      data: {
        plugin: call.type,
        network: call.network,
        command: call.command,
        exitCode: end.exitCode,
        cniCode,
        cniMsg,
        details,
      },
    },
  );
}

/** Reads a plugin's error document; whatever else it printed gives an empty one. Spec: CNI 1.1.0, "Error". */
function parsePluginError(stdout: string): {
  readonly cniCode?: number;
  readonly cniMsg?: string;
  readonly details?: string;
} {
  try {
    const value = decodeJson(stdout);
    if (!isJsonObject(value)) return {};
    const { code, msg, details } = value as {
      readonly code?: unknown;
      readonly msg?: unknown;
      readonly details?: unknown;
    };
    return {
      ...(typeof code === "number" ? { cniCode: code } : {}),
      ...(typeof msg === "string" ? { cniMsg: clip(msg) } : {}),
      ...(typeof details === "string" && details !== "" ? { details: clip(details) } : {}),
    };
  } catch {
    return {}; // Not JSON: the exit code and standard error say what went wrong.
  }
}

function clip(text: string): string {
  return text.replace(/[\x00-\x1f\x7f]+/g, " ").slice(0, 2000);
}

function describe({ command, type, network }: Pick<PluginCall, "command" | "type" | "network">): string {
  return `${command} network "${network}" with plugin "${type}"`;
}
