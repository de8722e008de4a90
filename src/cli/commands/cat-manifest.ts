import { defineCommand } from "../command.ts";

/** `cat-manifest`: the pod manifest, byte for byte. */
export const catManifest = defineCommand({
  args: { pod: { help: "UUID, its beginning, or name" } },
  flags: {},
  examples: ["cat-manifest web"],

  async run({ args, engine, out, signal }) {
    const calls = await engine();
    const text = await calls.catManifest({ pod: args.pod }, { signal });
    out.bytes("stdout", text.endsWith("\n") ? text : `${text}\n`);
    return undefined;
  },
});
