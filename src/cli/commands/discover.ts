import type { Discovered } from "../../engine/engine-calls.ts";
import { defineCommand } from "../command.ts";

/** `discover`: where a name leads, step by step; downloads no image. */
export const discover = defineCommand({
  details:
    "Shows what the name announces, which table of registries.conf applies, which mirrors and registries were asked and what they answered, and the image chosen for the platform.",
  args: { name: { help: "Image name, as example.com/app:1.2, or docker://…" } },
  flags: {
    platform: { type: "string", placeholder: "OS/ARCH", help: "Platform to choose from images for several" },
  },
  examples: ["discover example.com/app:1.2", "discover docker://example.com/app:1.2 --platform=linux/arm64"],

  async run({ args, flags, engine, out, signal }) {
    const calls = await engine();
    const input = { name: args.name, ...(flags.platform === undefined ? {} : { platform: flags.platform }) };
    out.result(await calls.discover(input, { signal }), formatDiscovered);
    return undefined;
  },
});

function formatDiscovered(found: Discovered): string {
  const line = (kind: string, text: string) => `${kind.padEnd(9)} ${text}`;
  const { resolved } = found;
  return [
    ...found.steps.map((step) => line("step", `${step.url}: ${step.outcome}`)),
    ...found.endpoints.map((place) => line(place.kind, place.image)),
    ...found.pubkeys.map((url) => line("pubkeys", url)),
    ...found.registries.map(({ role, image, insecure, outcome, prefix, file }) => {
      const why = prefix === undefined ? "" : ` (prefix ${prefix} in ${file})`;
      return line("asked", `${role} ${image}${insecure ? ", insecure" : ""}${why}: ${outcome}`);
    }),
    ...(resolved === undefined
      ? []
      : [line("image", `${resolved.digest} for ${resolved.platform} from ${resolved.from}`)]),
    ...(resolved?.indexDigest === undefined ? [] : [line("index", resolved.indexDigest)]),
    ...(resolved?.problem === undefined ? [] : [line("problem", resolved.problem)]),
  ].join("\n");
}
