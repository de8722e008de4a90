import { defineCommand } from "../command.ts";

/** `exec`: another program inside an app's own confinement. */
export const exec = defineCommand({
  isBrief: true,
  args: {
    pod: { help: "UUID, its beginning, or name" },
    command: {
      help: "Program and its arguments (default /bin/sh); flags behind it are its own",
      raw: true,
      optional: true,
    },
  },
  flags: {
    app: { type: "string", short: "a", placeholder: "NAME", help: "Which app; needed when there are several" },
    env: {
      type: "strings",
      short: "e",
      aliases: ["environment"],
      placeholder: "NAME=VALUE",
      help: "Environment variable",
    },
    user: { type: "string", short: "u", placeholder: "USER[:GROUP]", help: "User (default: the app's)" },
    "working-dir": {
      type: "string",
      short: "w",
      aliases: ["workdir"],
      placeholder: "DIR",
      help: "Directory (default: the app's)",
    },
    tty: { type: "boolean", short: "t", help: "Give it a terminal" },
    interactive: { type: "boolean", short: "i", help: "Pass stdin on" },
  },
  passesAppCode: true,
  details: "Returns the program's exit code, and 254 when Gantry itself fails.",
  examples: ["exec -it web /bin/sh", "exec --app=db pod1 -- pg_isready -q"],

  async run({ args, flags, engine, signal }) {
    const calls = await engine();
    return calls.execInPod(
      {
        pod: args.pod,
        argv: args.command.length === 0 ? ["/bin/sh"] : args.command,
        env: flags.env,
        tty: flags.tty,
        interactive: flags.interactive,
        ...(flags.app === undefined ? {} : { app: flags.app }),
        ...(flags.user === undefined ? {} : { user: flags.user }),
        ...(flags["working-dir"] === undefined ? {} : { workingDir: flags["working-dir"] }),
      },
      { signal },
    );
  },
});
