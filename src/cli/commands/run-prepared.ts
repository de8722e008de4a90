import { defineCommand } from "../command.ts";

/** `run-prepared`: starts what `prepare` made. */
export const runPrepared = defineCommand({
  args: { pod: { help: "UUID, its beginning, or name" } },
  flags: {
    detach: { type: "boolean", short: "d", help: "Start the pod in the background and print its UUID" },
    interactive: { type: "boolean", short: "i", help: "Attach this terminal to the only app" },
  },
  passesAppCode: true,
  examples: ["run-prepared 5d1c", "run-prepared -d web"],

  async run({ args, flags, globals, engine, out, signal }) {
    const { detach, interactive } = flags;
    const calls = await engine();
    const input = { pod: args.pod, detach, interactive, insecureOptions: globals.insecureOptions };
    out.result(await calls.runPrepared(input, { signal }), ({ uuid }) => uuid);
    return undefined;
  },
});
