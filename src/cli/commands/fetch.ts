import { defineCommand } from "../command.ts";

/** `fetch`: discovers, downloads, verifies and unpacks, without running anything. */
export const fetch = defineCommand({
  args: { image: { help: "Names, docker:// and https:// URLs, oci:DIR, archives, or digests", many: true } },
  flags: {
    platform: { type: "string", placeholder: "OS/ARCH", help: "Platform to choose from images for several" },
    "pull-policy": {
      type: "string",
      aliases: ["pull"],
      choices: ["new", "update", "never"],
      help: "When to ask the source (default update)",
    },
  },
  examples: ["fetch example.com/app:1.2", "fetch oci-archive:./app.tar --json"],

  async run({ args, flags, engine, out, signal }) {
    const policy = flags["pull-policy"];
    const pullPolicy = policy === "new" || policy === "never" ? policy : ("update" as const);
    const calls = await engine();
    const input = { images: args.image, pullPolicy } as const;
    const images = await calls.fetchImages(
      flags.platform === undefined ? input : { ...input, platform: flags.platform },
      { signal },
    );
    out.result(images, (some) => some.map((image) => image.digest).join("\n"));
    return undefined;
  },
});
