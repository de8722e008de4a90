import { defineCommand } from "../command.ts";
import { usageError } from "../errors.ts";

/** `completion`: a script for the shell, made from the command table. */
export const completion = defineCommand({
  args: { shell: { help: "bash, zsh or fish" } },
  flags: {},
  examples: [
    "completion bash > /etc/bash_completion.d/gantry",
    "completion fish > ~/.config/fish/completions/gantry.fish",
  ],

  async run({ args, out, table }) {
    const { formatCompletion, isShell } = await import("../format-completion.ts");
    if (!isShell(args.shell)) throw usageError(`Cannot complete for shell "${args.shell}"`, "use bash, zsh or fish");
    out.bytes("stdout", await formatCompletion(args.shell, table));
    return undefined;
  },
});
