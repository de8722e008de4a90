import { defineCommand } from "../command.ts";

/** `image pin`: neither `image rm` nor `image gc` takes these. */
export const imagePin = defineCommand({
  args: { image: { help: "Stored images", many: true } },
  flags: {},
  examples: ["image pin example.com/base:12"],

  async run({ args, engine, out, signal }) {
    const calls = await engine();
    out.result(await calls.pinImages({ images: args.image }, { signal }), (digests) => digests.join("\n"));
    return undefined;
  },
});

/** `image unpin`: the opposite. */
export const imageUnpin = defineCommand({
  args: { image: { help: "Names or digests as they were pinned", many: true } },
  flags: {},
  examples: ["image unpin example.com/base:12"],

  async run({ args, engine, out, signal }) {
    const calls = await engine();
    out.result(await calls.unpinImages({ images: args.image }, { signal }), (digests) => digests.join("\n"));
    return undefined;
  },
});
