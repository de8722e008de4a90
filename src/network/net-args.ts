import { NetworkError } from "./errors.ts";
import type { CapabilityArgs } from "./plugin-input.ts";

/** A `--net` entry's arguments in the two forms plugins read. */
export interface NetArgs {
  /** Value of CNI_ARGS. */
  readonly cniArgs: string;
  readonly capabilityArgs: CapabilityArgs;
}

/**
 * Translates `name:KEY=VALUE;…`. All pairs go into CNI_ARGS behind `IgnoreUnknown=1` (plugins otherwise refuse keys they do not
 * know); `IP` (several separated by commas) and `MAC` also become the capabilities `ips` and `mac`. CNI_ARGS knows no
 * quoting, so separators in a value are refused.
 * @throws {NetworkError} "network/bad-args"
 * Spec: CNI conventions, "CNI_ARGS" and "Dynamic Plugin specific fields (Capabilities / Runtime Configuration)".
 */
export function parseNetArgs(network: string, args: Readonly<Record<string, string>>): NetArgs {
  const pairs = Object.entries(args).filter(([key]) => key !== "IgnoreUnknown");
  for (const [key, value] of pairs) {
    if (!/^[A-Za-z0-9_]{1,64}$/.test(key)) throw badArgs(network, `"${key}" is not a key of letters and digits`);
    if (!/^[^;=\x00-\x20\x7f]{1,512}$/.test(value))
      throw badArgs(network, `the value of ${key} is empty or contains ; = or a space`);
  }
  const ips = args["IP"]?.split(",") ?? [];
  const bad = ips.find((ip) => !/^[0-9a-fA-F:.]+(\/\d{1,3})?$/.test(ip));
  if (bad !== undefined) throw badArgs(network, `"${bad}" is not an IP address`);
  // host-local reads only one address from CNI_ARGS; several of them travel as the capability alone.
  const textual = pairs.filter(([key]) => key !== "IP" || ips.length === 1);
  return {
    cniArgs: ["IgnoreUnknown=1", ...textual.map(([key, value]) => `${key}=${value}`)].join(";"),
    capabilityArgs: { ...(ips.length > 0 && { ips }), ...(args["MAC"] !== undefined && { mac: args["MAC"] }) },
  };
}

function badArgs(network: string, reason: string): NetworkError {
  return new NetworkError("network/bad-args", `Cannot use the arguments of network "${network}": ${reason}`, {
    hint: `write --net ${network}:KEY=VALUE, several separated by ";"`,
  });
}
