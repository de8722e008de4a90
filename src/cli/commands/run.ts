import { defineCommand } from "../command.ts";
import { APP_FLAGS, POD_FLAGS } from "../pod-line/pod-flags.ts";

const FLAGS = {
  ...POD_FLAGS,
  detach: { type: "boolean", short: "d", help: "Start the pod in the background and print its UUID" },
  interactive: {
    type: "boolean",
    short: "i",
    help: "Give the only app this terminal or standard input; with --detach keep its input open for attach",
  },
  tty: { type: "boolean", short: "t", help: "Give the only app a terminal: this one, or with --detach one for attach" },
  ...APP_FLAGS,
} as const;

/** `run`: fetches, verifies, prepares and starts. In the foreground this process becomes the pod's supervisor. */
export const run = defineCommand({
  isBrief: true,
  args: {
    image: {
      help: "Image, its flags, and its arguments after --; the next image after ---",
      many: true,
      optional: true,
    },
  },
  flags: FLAGS,
  ordered: true,
  passesAppCode: true,
  details:
    "Flags of an image stand behind it; with a single image they may stand anywhere.\nReturns the app's exit code, and 254 when Gantry itself fails.",
  examples: [
    "run example.com/app:1.2",
    "run -d --name=web -p 8080:80 -v /srv/www:/www:ro -e MODE=live example.com/web",
    "run --net=none example.com/app --exec /bin/sh -- -c 'echo hello'",
    "run example.com/web --user 1000 -- --port 80 --- example.com/log --mount volume=data,target=/data",
  ],

  async run({ words, globals, host, engine, out, signal }) {
    const { parsePodLine } = await import("../pod-line/parse-pod-line.ts");
    const { option, flags } = await parsePodLine(host, words, FLAGS);
    const uuidFile = flags.string("uuid-file-save");
    const calls = await engine();
    const pod = await calls.runPod(
      {
        ...option,
        detach: flags.boolean("detach"),
        interactive: flags.boolean("interactive"),
        tty: flags.boolean("tty"),
        ...(uuidFile === undefined ? {} : { uuidFile }),
        insecureOptions: globals.insecureOptions,
      },
      { signal },
    );
    out.result(pod, ({ uuid }) => uuid);
    return undefined;
  },
});
