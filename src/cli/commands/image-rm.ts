import { defineCommand } from "../command.ts";

/** `image rm`: forgets images; their blobs go with the next `image gc`. */
export const imageRm = defineCommand({
  args: { image: { help: "Names, digests, or beginnings of digests", many: true } },
  flags: {},
  examples: ["image rm example.com/app:1.2", "image rm sha256:1f0b"],

  async run({ args, engine, out, signal }) {
    const calls = await engine();
    out.result(await calls.removeImages({ images: args.image }, { signal }), (digests) => digests.join("\n"));
    return undefined;
  },
});
