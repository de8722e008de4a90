import type { AppOption, MountOption, VolumeOption } from "../../pod/options.ts";
import { usageError } from "../errors.ts";
import type { CliHost } from "../host.ts";
import { ParsedFlags } from "../parse-flags.ts";
import type { AppWords } from "./group-apps.ts";
import { parseAppOptions } from "./parse-app-options.ts";
import { parseEnvFile } from "./parse-env-file.ts";
import { parseLimits } from "./parse-limits.ts";
import { parseMount, parseVolume } from "./parse-volume.ts";

/** One app, and the volumes its own flags bring along. */
export interface ParsedApp {
  readonly app: AppOption;
  readonly volumes: readonly VolumeOption[];
}

/** Longest environment file read, in bytes. */
const ENV_FILE_LIMIT = 1 << 20;

/** An image's flags as options. `fresh` names volumes without a name. @throws {CliError} "cli/usage", "cli/bad-file". */
export async function parseApp(host: CliHost, words: AppWords, fresh: () => string): Promise<ParsedApp> {
  const flags = new ParsedFlags(words.flags);
  const { mounts, volumes } = collectMounts(flags, fresh);
  const app: AppOption = {
    image: words.image,
    ...optional("name", flags.string("app-name")),
    ...optional("exec", flags.string("exec")),
    args: words.args,
    env: await collectEnvironment(host, words),
    ...splitUser(flags.string("user"), flags.string("group")),
    supplementaryGids: flags
      .strings("supplementary-gids")
      .flatMap((list) => list.split(","))
      .map(parseGid),
    ...optional("workingDir", flags.string("working-dir")),
    mounts,
    readOnlyRootfs: flags.string("readonly-rootfs") === "true",
    ...collectCapabilities(flags),
    noNewPrivileges: flags.string("no-new-privileges") !== "false",
    seccomp: flags.string("seccomp") === "unconfined" ? "unconfined" : "default",
    ...(await parseAppOptions(host, flags)),
  };
  const limits = parseLimits({
    memory: flags.string("memory"),
    cpus: flags.string("cpus"),
    pids: flags.string("pids-limit"),
  });
  return { app: limits === undefined ? app : { ...app, limits }, volumes };
}

function collectMounts(flags: ParsedFlags, fresh: () => string): { mounts: MountOption[]; volumes: VolumeOption[] } {
  const mounts: MountOption[] = [];
  const volumes: VolumeOption[] = [];
  const all = [
    ...flags.strings("volume").map((text) => parseVolume(text, fresh)),
    ...flags.strings("mount").map((text) => parseMount(text, fresh)),
  ];
  for (const { volume, mount } of all) {
    if (volume !== undefined) volumes.push(volume);
    if (mount !== undefined) mounts.push(mount);
  }
  return { mounts, volumes };
}

/** Files and flags in the order typed, so that what is typed last wins. */
async function collectEnvironment(host: CliHost, words: AppWords): Promise<string[]> {
  const env: string[] = [];
  for (const word of words.flags) {
    if (word.name === "env-file")
      env.push(...parseEnvFile(word.value, await host.readTextFile(word.value, ENV_FILE_LIMIT)));
    if (word.name === "environment") env.push(...environmentPair(host, word.value));
  }
  return env;
}

function environmentPair(host: CliHost, text: string): string[] {
  const name = text.split("=")[0] ?? "";
  if (name === "" || /\s/.test(name)) {
    throw usageError(`Cannot set environment variable: "${name}" is not a name`, "write NAME=VALUE");
  }
  if (text.includes("=")) return [text];
  const inherited = host.env[name];
  return inherited === undefined ? [] : [`${name}=${inherited}`];
}

function splitUser(user: string | undefined, group: string | undefined): { user?: string; group?: string } {
  const colon = user?.indexOf(":") ?? -1;
  if (user === undefined || colon === -1) return { ...optional("user", user), ...optional("group", group) };
  if (group !== undefined)
    throw usageError(`Cannot use both --user "${user}" and --group "${group}"`, "name the group once");
  return { user: user.slice(0, colon), group: user.slice(colon + 1) };
}

function parseGid(text: string): number {
  if (!/^\d{1,10}$/.test(text))
    throw usageError(`Cannot use group id "${text.slice(0, 80)}"`, "write numbers with commas between them");
  return Number(text);
}

function collectCapabilities(flags: ParsedFlags): { capAdd: string[]; capDrop: string[] } {
  const retain = flags.strings("caps-retain").flatMap(parseCapabilities);
  const capAdd = flags.strings("cap-add").flatMap(parseCapabilities);
  const capDrop = flags.strings("cap-drop").flatMap(parseCapabilities);
  if (!flags.has("caps-retain")) return { capAdd, capDrop };
  if (capDrop.length > 0) throw usageError("Cannot use --caps-retain and --cap-drop together", "use one of them");
  return { capAdd: [...retain, ...capAdd], capDrop: ["ALL"] };
}

function parseCapabilities(list: string): string[] {
  return list.split(",").map((text) => {
    const name = text.toUpperCase().replace(/^CAP_/, "");
    if (!/^[A-Z][A-Z0-9_]{2,30}$/.test(name)) {
      throw usageError(
        `Cannot use capability "${text.slice(0, 80)}"`,
        "write names as in capabilities(7), such as NET_ADMIN",
      );
    }
    return name;
  });
}

function optional<K extends string>(key: K, value: string | undefined): { readonly [P in K]?: string } {
  const entry: { [P in K]?: string } = {};
  if (value !== undefined) entry[key] = value;
  return entry;
}
