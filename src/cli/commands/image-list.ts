import { defineCommand } from "../command.ts";
import { formatBytes, formatDigest, formatTime } from "../format-values.ts";

/** `image list`: what the store holds, and who vouched for it. */
export const imageList = defineCommand({
  args: {},
  flags: { full: { type: "boolean", help: "Whole digests" } },
  examples: ["image list", "image list --json"],

  async run({ flags, engine, out, signal }) {
    const calls = await engine();
    out.result(await calls.listImages({ signal }), (images) => {
      const rows = images.map((image) => [
        flags.full ? image.digest : formatDigest(image.digest),
        image.names.join(",") + (image.pinned ? " (pinned)" : ""),
        image.platform,
        formatBytes(image.sizeBytes),
        formatTime(image.importedAt),
        image.verifiedBy.map((key) => (flags.full ? key : key.slice(-16))).join(","),
      ]);
      return out.table(["DIGEST", "NAMES", "PLATFORM", "SIZE", "IMPORTED", "VERIFIED BY"], rows);
    });
    return undefined;
  },
});
