import { defineCommand } from "../command.ts";

/** `attach`: joins this terminal to a running app. */
export const attach = defineCommand({
  args: { pod: { help: "UUID, its beginning, or name" } },
  flags: {
    app: { type: "string", short: "a", placeholder: "NAME", help: "Which app; needed when there are several" },
    "no-stdin": { type: "boolean", help: "Only watch" },
  },
  passesAppCode: true,
  details:
    "Shows what the app writes from now on. Input goes to apps of the oci, gvisor and kvm regimes that were started with run -d and -i or -t, and to stage1 images with an attach program. Returns the app's exit code when it ends meanwhile. Leave with ctrl-p ctrl-q, or ctrl-c where there is no terminal.",
  examples: ["attach web", "attach --no-stdin --app=db pod1"],

  async run({ args, flags, engine, out, signal }) {
    const calls = await engine();
    return await calls.attachToPod(
      {
        pod: args.pod,
        stdin: !flags["no-stdin"],
        onOutput: (stream, bytes) => out.bytes(stream, bytes),
        ...(flags.app === undefined ? {} : { app: flags.app }),
      },
      { signal },
    );
  },
});
