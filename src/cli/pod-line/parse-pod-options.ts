import type { PodRunOptions, SharingOption } from "../../pod/run-options.ts";
import { usageError } from "../errors.ts";
import type { ParsedFlags } from "../parse-flags.ts";
import { parseSize } from "./parse-limits.ts";

/** Flags of the pod that some regimes refuse. @throws {CliError} "cli/usage" */
export function parsePodOptions(flags: ParsedFlags): PodRunOptions {
  const sharing: SharingOption = { ...choice(flags, "pid"), ...choice(flags, "ipc") };
  const shm = flags.string("shm-size");
  const sysctls = flags.strings("sysctl").map(parseSysctl);
  const runtime = flags.string("runtime");
  return {
    ...(Object.keys(sharing).length === 0 ? {} : { sharing }),
    ...(shm === undefined ? {} : { shmBytes: parseSize(shm, { what: "size of /dev/shm", leastBytes: 4096 }) }),
    ...(sysctls.length === 0 ? {} : { sysctls: Object.fromEntries(sysctls) }),
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
