import type { IdMap, PodRunOptions, SharingOption, UserNamespaceOption } from "../../pod/run-options.ts";
import { usageError } from "../errors.ts";
import type { ParsedFlags } from "../parse-flags.ts";
import { parseSize } from "./parse-limits.ts";

const MAX_ID = 0xffff_fffe;

/** Flags of the pod that some regimes refuse. @throws {CliError} "cli/usage" */
export function parsePodOptions(flags: ParsedFlags): PodRunOptions {
  const sharing: SharingOption = { ...choice(flags, "pid"), ...choice(flags, "ipc") };
  const shm = flags.string("shm-size");
  const sysctls = flags.strings("sysctl").map(parseSysctl);
  const userns = parseUserns(flags);
  const runtime = flags.string("runtime");
  return {
    ...(Object.keys(sharing).length === 0 ? {} : { sharing }),
    ...(shm === undefined ? {} : { shmBytes: parseSize(shm, { what: "size of /dev/shm", leastBytes: 4096 }) }),
    ...(sysctls.length === 0 ? {} : { sysctls: Object.fromEntries(sysctls) }),
    ...(userns === undefined ? {} : { userns }),
    ...(runtime === undefined ? {} : { runtime }),
    ...(flags.boolean("tpm") ? { tpm: true as const } : {}),
    ...dirs(flags, "cdi-spec-dir", "cdiSpecDirs"),
    ...dirs(flags, "hooks-dir", "hooksDirs"),
  };
}

function choice<K extends keyof SharingOption>(flags: ParsedFlags, name: K): Pick<SharingOption, K> | object {
  const value = flags.string(name);
  return value === undefined ? {} : { [name]: value };
}

function dirs(
  flags: ParsedFlags,
  flag: string,
  key: "cdiSpecDirs" | "hooksDirs",
): Pick<PodRunOptions, "cdiSpecDirs" | "hooksDirs"> {
  const values = flags.strings(flag);
  const wrong = values.find((dir) => !dir.startsWith("/") || dir.split("/").includes(".."));
  if (wrong !== undefined) {
    throw usageError(`Cannot use directory "${wrong.slice(0, 200)}"`, `write an absolute path: --${flag}=/DIR`);
  }
  return values.length === 0 ? {} : { [key]: values };
}

function parseSysctl(text: string): [string, string] {
  const [, name, value] = /^([a-zA-Z0-9_][a-zA-Z0-9_./-]{0,200})=([^\n\0]{0,4000})$/.exec(text) ?? [];
  if (name === undefined || value === undefined || name.includes("..")) {
    throw usageError(`Cannot use kernel parameter "${text.slice(0, 80)}"`, "write NAME=VALUE as sysctl(8) takes it");
  }
  return [name.replaceAll("/", "."), value];
}

function parseUserns(flags: ParsedFlags): UserNamespaceOption | undefined {
  const mode = flags.string("userns");
  const uids = flags.strings("uidmap").map(parseIdMap);
  const gids = flags.strings("gidmap").map(parseIdMap);
  if (uids.length + gids.length > 0) {
    if (mode !== undefined)
      throw usageError(`Cannot use --userns=${mode.slice(0, 80)} and id maps together`, "use one of them");
    return { kind: "map", uids: uids.length === 0 ? gids : uids, gids: gids.length === 0 ? uids : gids };
  }
  if (mode === undefined || mode === "host") return undefined;
  const [, size] = /^auto(?::size=(\d{1,10}))?$/.exec(mode) ?? [];
  if (!mode.startsWith("auto") || (mode !== "auto" && (size === undefined || Number(size) < 1))) {
    throw usageError(
      `Cannot use user namespace "${mode.slice(0, 80)}"`,
      "use host, auto, auto:size=N, or --uidmap and --gidmap",
    );
  }
  return { kind: "auto", ...(size === undefined ? {} : { size: Number(size) }) };
}

function parseIdMap(text: string): IdMap {
  const [, ...numbers] = /^(\d{1,10}):(\d{1,10}):(\d{1,10})$/.exec(text) ?? [];
  const [inside = 0, outside = 0, size = 0] = numbers.map(Number);
  if (size >= 1 && inside + size - 1 <= MAX_ID && outside + size - 1 <= MAX_ID) return { inside, outside, size };
  throw usageError(`Cannot use id map "${text.slice(0, 80)}"`, "write INSIDE:OUTSIDE:SIZE, as 0:100000:65536");
}
