import { defineCommand } from "../command.ts";

/** `image render`: the root file system an app would see. */
export const imageRender = defineCommand({
  details:
    "The directory must not exist, or be empty; it appears when it is whole. Needs root: owners and devices are made.",
  args: { image: { help: "Stored image" }, directory: { help: "Directory to make" } },
  flags: { platform: { type: "string", placeholder: "OS/ARCH", help: "Of an image for several platforms this one" } },
  examples: ["image render example.com/app:1.2 ./rootfs"],

  async run({ args, flags, engine, out, signal }) {
    const calls = await engine();
    const { platform } = flags;
    const input = { image: args.image, directory: args.directory };
    const done = await calls.renderImage(platform === undefined ? input : { ...input, platform }, { signal });
    out.result(done, ({ files, directory }) => `${files} files in ${directory}`);
    return undefined;
  },
});
