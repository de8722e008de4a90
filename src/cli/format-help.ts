import type { Command, CommandEntry } from "./command.ts";
import type { ArgSpecs, FlagSpec, FlagSpecs } from "./flag-spec.ts";
import { formatTable } from "./format-table.ts";
import { GLOBAL_FLAGS } from "./global-flags.ts";

/** Help of the whole program. */
export function formatOverview(table: readonly CommandEntry[]): string {
  return [
    "gantry: discover, verify and run signed container images, without a daemon",
    "Usage: gantry [flags] COMMAND [arguments]",
    `Commands:\n${formatEntries(table)}`,
    `Flags of every command:\n${formatFlags(GLOBAL_FLAGS)}`,
    "More: gantry help COMMAND",
  ].join("\n\n");
}

/** Help of a command that only has sub-commands. */
export function formatGroupHelp(path: string, entry: CommandEntry): string {
  return [
    `${entry.summary}`,
    `Usage: gantry ${path} COMMAND [arguments]`,
    `Commands:\n${formatEntries(entry.subcommands ?? [])}`,
    `More: gantry help ${path} COMMAND`,
  ].join("\n\n");
}

/** Help of one command. */
export function formatCommandHelp(path: string, entry: CommandEntry, command: Command): string {
  const parts = [entry.summary, `Usage: ${formatUsage(path, command.args)}`];
  if (command.details !== undefined) parts.push(command.details);
  const args = Object.entries(command.args).map(([name, spec]) => [`  ${name.toUpperCase()}`, spec.help]);
  if (args.length > 0) parts.push(`Arguments:\n${formatTable(undefined, args)}`);
  const pod = Object.entries(command.flags).filter(([, spec]) => spec.perApp !== true);
  const app = Object.entries(command.flags).filter(([, spec]) => spec.perApp === true);
  if (pod.length > 0) parts.push(`Flags:\n${formatFlags(Object.fromEntries(pod))}`);
  if (app.length > 0) parts.push(`Flags of the image before them:\n${formatFlags(Object.fromEntries(app))}`);
  if (command.examples.length > 0)
    parts.push(`Examples:\n${command.examples.map((line) => `  gantry ${line}`).join("\n")}`);
  if (entry.aliases !== undefined) parts.push(`Also called: ${entry.aliases.join(", ")}`);
  parts.push("Flags of every command: gantry help");
  return parts.join("\n\n");
}

/** `gantry stop [flags] POD…` */
export function formatUsage(path: string, args: ArgSpecs): string {
  const words = Object.entries(args).map(([name, spec]) => {
    const upper = `${name.toUpperCase()}${spec.many === true || spec.raw === true ? "…" : ""}`;
    return spec.optional === true ? `[${upper}]` : upper;
  });
  return ["gantry", path, "[flags]", ...words].join(" ");
}

/** `-e, --env NAME=VALUE`, with all its other names. */
export function formatFlagName(name: string, spec: FlagSpec): string {
  const short = spec.short === undefined ? "" : `-${spec.short}, `;
  const names = [name, ...(spec.aliases ?? [])].map((one) => `--${one}`).join(", ");
  if (spec.type === "boolean") return short + names;
  const value = spec.placeholder ?? spec.choices?.join("|") ?? "VALUE";
  return spec.bare === undefined ? `${short}${names} ${value}` : `${short}${names}[=${value}]`;
}

function formatEntries(table: readonly CommandEntry[]): string {
  const shown = table.filter((entry) => entry.hidden !== true);
  return formatTable(
    undefined,
    shown.map((entry) => [`  ${entry.name}`, entry.summary]),
  );
}

function formatFlags(flags: FlagSpecs): string {
  return Object.entries(flags)
    .map(([name, spec]) => `  ${formatFlagName(name, spec)}\n        ${spec.help}`)
    .join("\n");
}
