import { defineCommand } from "../command.ts";
import { formatBytes } from "../format-values.ts";

/** `image gc`: removes images, blobs and layers nothing uses. */
export const imageGc = defineCommand({
  args: {},
  flags: {
    "grace-period": {
      type: "duration",
      placeholder: "DURATION",
      help: "Keep what was used less than this ago (default 24h)",
    },
    unused: {
      type: "boolean",
      aliases: ["all"],
      help: "Also take names older than the grace period from images no pod uses and nobody pinned",
    },
    "dry-run": { type: "boolean", help: "Say what would be done" },
  },
  examples: ["image gc", "image gc --unused --grace-period=720h", "image gc --grace-period=0s --dry-run"],

  async run({ flags, engine, out, signal }) {
    const calls = await engine();
    const done = await calls.gcImages(
      { graceMs: flags["grace-period"] ?? 24 * 3_600_000, unused: flags.unused, dryRun: flags["dry-run"] },
      { signal },
    );
    out.result(done, (result) => {
      const names = result.removedNames.length === 0 ? "" : `${result.removedNames.length} names, `;
      const counts = `${names}${result.removedImages.length} images, ${result.removedBlobs.length} blobs, ${result.removedLayers.length} layers`;
      return `${flags["dry-run"] ? "Would remove" : "Removed"} ${counts}: ${formatBytes(result.freedBytes)}`;
    });
    return undefined;
  },
});
