import { defineCommand } from "../command.ts";

/** `run-prepared`: starts what `prepare` made. */
export const runPrepared = defineCommand({
  isBrief: true,
  args: { pod: { help: "UUID, its beginning, or name" } },
  flags: {
    detach: { type: "boolean", short: "d", help: "Start the pod in the background and print its UUID" },
    interactive: {
      type: "boolean",
      short: "i",
      help: "Give the only app this terminal or standard input; with --detach keep its input open for attach",
    },
    tty: {
      type: "boolean",
      short: "t",
      help: "Give the only app a terminal: this one, or with --detach one for attach",
    },
  },
  passesAppCode: true,
  examples: ["run-prepared 5d1c", "run-prepared -d web"],

  async run({ args, flags, globals, engine, out, signal }) {
    const { detach, interactive, tty } = flags;
    const calls = await engine();
    const input = { pod: args.pod, detach, interactive, tty, insecureOptions: globals.insecureOptions };
    out.result(await calls.runPrepared(input, { signal }), ({ uuid }) => uuid);
    return undefined;
  },
});
