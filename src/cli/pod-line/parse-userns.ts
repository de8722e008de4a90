import type { PodOption, UserNamespaceOption } from "../../pod/options.ts";
import type { IdMapping } from "../../sys/linux/user-namespace.ts";
import { usageError } from "../errors.ts";
import type { ParsedFlags } from "../parse-flags.ts";

/** As many ids as a system has users by custom, nobody (65534) included. */
const DEFAULT_SIZE = 65_536;

/** `--userns`, `--uidmap` and `--gidmap`, as podman has them. @throws {CliError} "cli/usage" */
export function parseUserns(flags: ParsedFlags): Pick<PodOption, "userns"> {
  const mode = flags.string("userns");
  const uids = flags.strings("uidmap").map(parseMapping);
  const gids = flags.strings("gidmap").map(parseMapping);
  if (uids.length + gids.length > 0) {
    if (mode !== undefined) {
      throw usageError(`Cannot use --uidmap and --gidmap together with --userns=${mode.slice(0, 80)}`, mapHint(mode));
    }
    return {
      userns: {
        kind: "explicit",
        uidMappings: uids.length === 0 ? gids : uids,
        gidMappings: gids.length === 0 ? uids : gids,
      },
    };
  }
  if (mode === undefined || mode === "host") return {};
  return { userns: parseAuto(mode) };
}

function mapHint(mode: string): string {
  return mode === "host"
    ? "leave out one of the two"
    : "write --userns=auto:uidmapping=CONTAINER:HOST:SIZE,gidmapping=…, or leave --userns out";
}

function parseAuto(mode: string): UserNamespaceOption {
  const rest = mode.slice("auto:".length);
  if (!/^auto(:.|$)/.test(mode)) throw badUserns(mode);
  let size = DEFAULT_SIZE;
  const uidMappings: IdMapping[] = [];
  const gidMappings: IdMapping[] = [];
  for (const pair of rest === "" ? [] : rest.split(",")) {
    const [, key = "", value = ""] = /^([a-z]+)=(.*)$/.exec(pair) ?? [];
    if (key === "size" && /^\d{1,10}$/.test(value) && Number(value) > 0) size = Number(value);
    else if (key === "uidmapping") uidMappings.push(parseMapping(value));
    else if (key === "gidmapping") gidMappings.push(parseMapping(value));
    else throw badUserns(mode);
  }
  return { kind: "auto", size, uidMappings, gidMappings };
}

function parseMapping(text: string): IdMapping {
  const [, container = "", host = "", size = "1"] = /^(\d{1,10}):(\d{1,10})(?::(\d{1,10}))?$/.exec(text) ?? [];
  if (container !== "") return { containerId: Number(container), hostId: Number(host), size: Number(size) };
  throw usageError(
    `Cannot read id map "${text.slice(0, 80)}"`,
    "write CONTAINER:HOST:SIZE in numbers, as 0:100000:65536",
  );
}

function badUserns(mode: string) {
  if (mode.startsWith("keep-id") || mode === "nomap") {
    return usageError(
      `Cannot use user namespace "${mode.slice(0, 80)}": it is for callers that are not root`,
      "map the id you mean: --userns=auto:uidmapping=1000:1000:1,gidmapping=1000:1000:1",
    );
  }
  return usageError(
    `Cannot use user namespace "${mode.slice(0, 80)}"`,
    "write host, auto, or auto:size=N,uidmapping=CONTAINER:HOST:SIZE,gidmapping=CONTAINER:HOST:SIZE with N above 0",
  );
}
