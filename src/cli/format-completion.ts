import type { Command, CommandEntry } from "./command.ts";
import type { FlagSpec } from "./flag-spec.ts";
import { GLOBAL_FLAGS } from "./global-flags.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;
/** Shells completion scripts are made for. */
export type Shell = (typeof SHELLS)[number];

/** Whether `text` names a shell completion scripts are made for. */
export function isShell(text: string): text is Shell {
  return SHELLS.some((shell) => shell === text);
}

interface Line {
  /** `image list`, or "" for the program itself. */
  readonly path: string;
  readonly flags: readonly string[];
  readonly subcommands: readonly CommandEntry[];
}

/** The completion script of one shell: commands, sub-commands and flags, made from the table alone. */
export async function formatCompletion(shell: Shell, table: readonly CommandEntry[]): Promise<string> {
  const lines = await collectLines(table);
  switch (shell) {
    case "bash":
      return formatBash(lines, "");
    case "zsh":
      return formatBash(lines, "#compdef gantry\nautoload -U +X bashcompinit && bashcompinit\n");
    case "fish":
      return formatFish(lines);
  }
}

async function collectLines(table: readonly CommandEntry[]): Promise<Line[]> {
  const lines: Line[] = [{ path: "", flags: flagWords(GLOBAL_FLAGS), subcommands: shown(table) }];
  const visit = async (path: string, entry: CommandEntry): Promise<void> => {
    const command: Command | undefined = await entry.load?.();
    const flags = flagWords({ ...GLOBAL_FLAGS, ...command?.flags });
    lines.push({ path, flags, subcommands: shown(entry.subcommands ?? []) });
    for (const sub of shown(entry.subcommands ?? [])) await visit(`${path} ${sub.name}`, sub);
  };
  for (const entry of shown(table)) await visit(entry.name, entry);
  return lines;
}

function shown(table: readonly CommandEntry[]): readonly CommandEntry[] {
  return table.filter((entry) => entry.hidden !== true);
}

function flagWords(flags: Readonly<Record<string, FlagSpec>>): string[] {
  return Object.entries(flags).flatMap(([name, spec]) => {
    const long = [name, ...(spec.aliases ?? [])].map((one) => `--${one}`);
    return spec.short === undefined ? long : [`-${spec.short}`, ...long];
  });
}

function formatBash(lines: readonly Line[], head: string): string {
  const cases = lines.map((line) => {
    const words = [...line.subcommands.map((sub) => sub.name), ...line.flags].join(" ");
    return `    "${line.path}") words="${words}" ;;`;
  });
  const groups = lines.filter((line) => line.path !== "" && line.subcommands.length > 0).map((line) => line.path);
  return `${head}_gantry() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" path="" words="" word i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    [[ $word == -* ]] && continue
    path="\${path:+$path }$word"
    case "$path" in ${groups.join("|")}) ;; *) break ;; esac
  done
  case "$path" in
${cases.join("\n")}
  esac
  if [[ -n $words && ( $cur == -* || " ${groups.join(" ")} " == *" $path "* || -z $path ) ]]; then
    COMPREPLY=($(compgen -W "$words" -- "$cur"))
  fi
}
complete -o default -F _gantry gantry
`;
}

function formatFish(lines: readonly Line[]): string {
  const out = ["# Completion of gantry for fish", "complete -c gantry -f"];
  for (const line of lines) {
    const [verb, sub] = line.path.split(" ");
    const siblings = lines.find((one) => one.path === verb)?.subcommands.map((one) => one.name) ?? [];
    const where =
      line.path === ""
        ? "__fish_use_subcommand"
        : sub === undefined
          ? `__fish_seen_subcommand_from ${verb}${siblings.length > 0 ? `; and not __fish_seen_subcommand_from ${siblings.join(" ")}` : ""}`
          : `__fish_seen_subcommand_from ${verb}; and __fish_seen_subcommand_from ${sub}`;
    for (const one of line.subcommands) out.push(`complete -c gantry -n "${where}" -a ${one.name} -d "${one.summary}"`);
    if (sub === undefined && siblings.length > 0) continue;
    for (const flag of line.flags) {
      out.push(
        `complete -c gantry -n "${where}" ${flag.startsWith("--") ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`}`,
      );
    }
  }
  return `${out.join("\n")}\n`;
}
