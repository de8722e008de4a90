import { defineCommand } from "../command.ts";
import { findCommand } from "../find-command.ts";
import { formatCommandHelp, formatGroupHelp, formatOverview } from "../format-help.ts";

/** `help`: the overview, or one command. */
export const help = defineCommand({
  args: { command: { help: "Command, and its sub-command", optional: true, many: true } },
  flags: {},
  examples: ["help", "help run", "help trust add"],

  async run({ args, out, table }) {
    const [name, subName] = args.command;
    if (name === undefined) {
      out.text(formatOverview(table));
      return undefined;
    }
    const top = findCommand(table, name);
    const entry =
      subName === undefined || top.subcommands === undefined
        ? top
        : findCommand(top.subcommands, subName, `${top.name} `);
    const path = entry === top ? top.name : `${top.name} ${entry.name}`;
    out.text(
      entry.load === undefined ? formatGroupHelp(path, entry) : formatCommandHelp(path, entry, await entry.load()),
    );
    return undefined;
  },
});
