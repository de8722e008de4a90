import { defineCommand } from "../command.ts";
import { APP_FLAGS, POD_FLAGS } from "../pod-line/pod-flags.ts";

const FLAGS = { ...POD_FLAGS, ...APP_FLAGS } as const;

/** `prepare`: everything of `run` up to the start. */
export const prepare = defineCommand({
  args: {
    image: {
      help: "Image, its flags, and its arguments after --; the next image after ---",
      many: true,
      optional: true,
    },
  },
  flags: FLAGS,
  ordered: true,
  examples: ["prepare example.com/app:1.2", "prepare --name=web -p 8080:80 example.com/web"],

  async run({ words, globals, host, engine, out, signal }) {
    const { parsePodLine } = await import("../pod-line/parse-pod-line.ts");
    const { option, flags } = await parsePodLine(host, words, FLAGS);
    const uuidFile = flags.string("uuid-file-save");
    const calls = await engine();
    const input = { ...option, detach: true, interactive: false, insecureOptions: globals.insecureOptions };
    const pod = await calls.preparePod(uuidFile === undefined ? input : { ...input, uuidFile }, { signal });
    out.result(pod, ({ uuid }) => uuid);
    return undefined;
  },
});
