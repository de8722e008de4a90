import { defineCommand } from "../command.ts";
import { usageError } from "../errors.ts";

/** `logs`: what the apps wrote, stdout to stdout and stderr to stderr. */
export const logs = defineCommand({
  args: { pod: { help: "UUID, its beginning, or name" } },
  flags: {
    app: { type: "strings", short: "a", placeholder: "NAME", help: "Only this app" },
    follow: { type: "boolean", short: "f", help: "Go on until the pod exits" },
    tail: { type: "integer", short: "n", placeholder: "LINES", help: "Only the last lines" },
    stream: { type: "string", choices: ["stdout", "stderr"], help: "Only this stream" },
  },
  details: "With --json every piece is one line: {app, stream, text}.",
  examples: ["logs web", "logs -f --app=proxy web", "logs --stream=stderr --tail=20 web"],

  async run({ args, flags, engine, out, signal }) {
    if (flags.tail === 0) throw usageError("Cannot show the last 0 lines", "use --tail=1 or more");
    const streams = (["stdout", "stderr"] as const).filter(
      (name) => flags.stream === undefined || flags.stream === name,
    );
    const calls = await engine();
    const input = { pod: args.pod, apps: flags.app, follow: flags.follow, streams };
    const chunks = calls.podLogs(flags.tail === undefined ? input : { ...input, tailLines: flags.tail }, { signal });
    const decoders = new Map<string, TextDecoder>();
    for await (const chunk of chunks) {
      if (!out.style.json) {
        out.bytes(chunk.stream, chunk.bytes);
        continue;
      }
      const key = `${chunk.app}/${chunk.stream}`; // one decoder each: a character may be cut between two pieces
      const decoder = decoders.get(key) ?? new TextDecoder();
      decoders.set(key, decoder);
      const text = decoder.decode(chunk.bytes, { stream: true });
      out.bytes("stdout", `${JSON.stringify({ app: chunk.app, stream: chunk.stream, text })}\n`);
    }
    return undefined;
  },
});
