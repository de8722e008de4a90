import { defineCommand } from "../command.ts";
import { parsePairs } from "../parse-pairs.ts";

/** `image index`: one name for images of several platforms. */
export const imageIndex = defineCommand({
  args: {
    destination: { help: "Name in the store, or docker://…, oci:DIR[:REF], oci-archive:FILE[:REF]" },
    image: { help: "Stored images, or docker://…, oci:DIR, archives: each for another platform", many: true },
  },
  flags: { annotation: { type: "strings", placeholder: "NAME=VALUE", help: "Annotation of the index; repeatable" } },
  examples: ["image index docker://example.com/app:1.2 oci-archive:./amd64.tar oci-archive:./arm64.tar"],

  async run({ args, flags, engine, out, signal }) {
    const calls = await engine();
    const annotations = parsePairs("--annotation", flags.annotation);
    const input = { images: args.image, annotations, destination: args.destination };
    out.result(await calls.assembleIndex(input, { signal }), (index) => index.digest);
    return undefined;
  },
});
