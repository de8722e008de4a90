import { defineCommand } from "../command.ts";
import { formatProblem } from "../format-problems.ts";

/** `image verify`: exits 1 when damage is left. */
export const imageVerify = defineCommand({
  details:
    "Reads every blob and holds it against its digest, and unpacks each unpacked layer again beside it to compare every file, attribute and byte. Signatures are another matter: see gantry trust check.",
  args: { image: { help: "Stored images (default: all)", many: true, optional: true } },
  flags: { repair: { type: "boolean", help: "Fetch or unpack again what is damaged" } },
  examples: ["image verify", "image verify --repair example.com/app:1.2"],

  async run({ args, flags, engine, out, signal }) {
    const calls = await engine();
    const verified = await calls.verifyImages({ images: args.image, repair: flags.repair }, { signal });
    out.result(verified, (images) => {
      const lines = images.flatMap((image) => [
        `${image.isGood ? "good" : "BAD "}  ${image.name}: ${image.blobs} blobs, ${image.layers} unpacked layers`,
        ...image.problems.map((problem) => `      ${formatProblem(problem)}`),
      ]);
      return lines.join("\n");
    });
    return verified.every((image) => image.isGood) ? 0 : 1;
  },
});
