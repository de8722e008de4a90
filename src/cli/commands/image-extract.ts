import { defineCommand } from "../command.ts";

/** `image extract`: some files of an image, for the caller. */
export const imageExtract = defineCommand({
  details:
    "Paths are as a program in the image would say them; links lead where they would there, never out of it. Files belong to the caller and carry no setuid bit; devices are left out. Nothing that exists is replaced.",
  args: { image: { help: "Stored image" }, path: { help: "Files or directories in the image", many: true } },
  flags: {
    to: { type: "string", short: "o", placeholder: "DIR", help: "Directory to put them into (default: here)" },
    platform: { type: "string", placeholder: "OS/ARCH", help: "Of an image for several platforms this one" },
  },
  examples: ["image extract example.com/app:1.2 /etc/os-release --to=./out"],

  async run({ args, flags, engine, out, signal }) {
    const calls = await engine();
    const { platform } = flags;
    const input = { image: args.image, paths: args.path, directory: flags.to ?? "." };
    const done = await calls.extractFiles(platform === undefined ? input : { ...input, platform }, { signal });
    for (const skipped of done.skipped) out.note(`Left out ${skipped}`);
    out.result(done, ({ files, directory }) => `${files} files in ${directory}`);
    return undefined;
  },
});
