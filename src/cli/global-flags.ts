import type { InsecureOption } from "../engine/use-cases.ts";
import { usageError } from "./errors.ts";
import type { FlagSpecs } from "./flag-spec.ts";
import { parseDuration } from "./parse-duration.ts";
import type { ParsedFlags } from "./parse-flags.ts";

/** Flags every command takes, before or after its name. */
export const GLOBAL_FLAGS = {
  root: { type: "string", placeholder: "DIR", help: "Directory of images and pods (GANTRY_ROOT, /var/lib/gantry)" },
  config: { type: "string", placeholder: "DIR", help: "Configuration read on top of /etc/gantry (GANTRY_CONFIG)" },
  "insecure-options": {
    type: "strings",
    placeholder: "LIST",
    help: "Checks to switch off: image, tls, http, pubkey, none; comma-separated",
  },
  "ca-file": {
    type: "strings",
    placeholder: "FILE",
    help: "Also trust the authorities in this PEM file (GANTRY_CA_FILE)",
  },
  "http-timeout": {
    type: "string",
    placeholder: "DURATION",
    help: "Give up on a server that sends nothing for so long (GANTRY_HTTP_TIMEOUT, 30s)",
  },
  "auth-file": { type: "string", placeholder: "FILE", help: "Registry credentials (default: the usual auth.json)" },
  json: { type: "boolean", help: "Print the result, and errors, as JSON" },
  "no-legend": { type: "boolean", help: "Print tables without their header" },
  quiet: { type: "boolean", short: "q", help: "No progress, no notes" },
  debug: { type: "boolean", help: "Say what is being done, and show the causes of errors" },
  "no-color": { type: "boolean", help: "No colours (NO_COLOR)" },
  help: { type: "boolean", short: "h", help: "Show help" },
} as const satisfies FlagSpecs;

/** Global flags with environment and defaults applied. */
export interface GlobalOptions {
  readonly rootDir: string;
  readonly runDir: string;
  readonly configDirs: readonly string[];
  readonly insecureOptions: ReadonlySet<InsecureOption>;
  readonly caFiles: readonly string[];
  readonly authFile?: string;
  readonly httpTimeoutMs?: number;
  readonly json: boolean;
  readonly legend: boolean;
  readonly quiet: boolean;
  readonly debug: boolean;
  readonly color: boolean;
}

const DEFAULT_ROOT = "/var/lib/gantry";
const INSECURE: readonly InsecureOption[] = ["image", "tls", "http", "pubkey"];

/** Flag over environment over default. With a root of its own, run-time files live beneath it too. */
export function resolveGlobals(flags: ParsedFlags, env: Readonly<Record<string, string | undefined>>): GlobalOptions {
  const rootDir = flags.string("root") ?? nonEmpty(env["GANTRY_ROOT"]) ?? DEFAULT_ROOT;
  const config = flags.string("config") ?? nonEmpty(env["GANTRY_CONFIG"]);
  const authFile = flags.string("auth-file");
  const httpTimeout = flags.string("http-timeout") ?? nonEmpty(env["GANTRY_HTTP_TIMEOUT"]);
  const caFromEnv = nonEmpty(env["GANTRY_CA_FILE"]);
  return {
    rootDir,
    runDir: rootDir === DEFAULT_ROOT ? "/run/gantry" : `${rootDir.replace(/\/+$/, "")}/run`,
    configDirs: ["/usr/lib/gantry", "/etc/gantry", ...(config === undefined ? [] : [config])],
    insecureOptions: parseInsecureOptions(flags.strings("insecure-options")),
    caFiles: [...(caFromEnv === undefined ? [] : [caFromEnv]), ...flags.strings("ca-file")],
    ...(authFile === undefined ? {} : { authFile }),
    ...(httpTimeout === undefined ? {} : { httpTimeoutMs: parseTimeout(httpTimeout) }),
    json: flags.boolean("json"),
    legend: !flags.boolean("no-legend"),
    quiet: flags.boolean("quiet"),
    debug: flags.boolean("debug"),
    color: !flags.boolean("no-color") && nonEmpty(env["NO_COLOR"]) === undefined && env["TERM"] !== "dumb",
  };
}

function parseTimeout(text: string): number {
  const timeoutMs = parseDuration(text);
  if (timeoutMs > 0) return timeoutMs;
  throw usageError(`Cannot wait ${text} for a server: that is no time at all`, "write it like 10s or 2m");
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === "" ? undefined : text;
}

function parseInsecureOptions(lists: readonly string[]): ReadonlySet<InsecureOption> {
  const chosen = new Set<InsecureOption>();
  for (const word of lists.flatMap((list) => list.split(","))) {
    const known = INSECURE.find((option) => option === word);
    if (known !== undefined) chosen.add(known);
    else if (word === "none") chosen.clear();
    else
      throw usageError(
        `Cannot switch off check "${word}": there is none of that name`,
        `use ${INSECURE.join(", ")} or none`,
      );
  }
  return chosen;
}
