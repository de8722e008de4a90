import { defineCommand } from "../command.ts";
import { usageError } from "../errors.ts";

/** `image export`: images as a file or directory that other tools load. */
export const imageExport = defineCommand({
  args: { image: { help: "Stored images, or docker://…, oci:DIR, archives, URLs", many: true } },
  flags: {
    output: {
      type: "string",
      short: "o",
      placeholder: "DEST",
      help: "oci-archive:FILE[:REF], docker-archive:FILE[:REF] or oci:DIR[:REF] or aci:FILE[:NAME]; a plain path is an oci-archive",
    },
    platform: {
      type: "strings",
      placeholder: "OS/ARCH",
      help: "Of an image for several platforms only this; repeatable (default: all)",
    },
    "remove-signatures": { type: "boolean", help: "Leave signatures behind" },
  },
  examples: [
    "image export example.com/app:1.2 -o app.tar",
    "image export example.com/app:1.2 example.com/db:16 -o docker-archive:./both.tar",
  ],

  async run({ args, flags, engine, out, signal }) {
    const output = flags.output;
    if (output === undefined) {
      throw usageError("Cannot export images: it is not clear where to", "pass --output=oci-archive:FILE");
    }
    const isPath = !/^(oci|oci-archive|docker-archive|docker|aci):/.test(output);
    const calls = await engine();
    const destination = isPath ? `oci-archive:${output}` : output;
    const copied = await calls.copyImages(
      { images: args.image, destination, platforms: flags.platform, withoutSignatures: flags["remove-signatures"] },
      { signal },
    );
    out.result(copied, (some) => some.map((one) => one.digest).join("\n"));
    return undefined;
  },
});
