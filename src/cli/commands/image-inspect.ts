import type { ImageDescription } from "../../engine/image-calls.ts";
import { defineCommand } from "../command.ts";
import { usageError } from "../errors.ts";
import { formatBytes } from "../format-values.ts";

/** `image inspect`: stored or anywhere else. */
export const imageInspect = defineCommand({
  details: "Works on what is stored and on every other place; nothing is stored, and nothing but digests is verified.",
  args: { image: { help: "Stored image, or docker://…, oci:DIR, an archive, a URL" } },
  flags: {
    raw: { type: "boolean", help: "The manifest or index, byte for byte; with --platform the manifest chosen" },
    config: { type: "boolean", help: "The configuration, byte for byte" },
    platform: { type: "string", placeholder: "OS/ARCH", help: "Of an image for several platforms this one" },
  },
  examples: ["image inspect example.com/app:1.2", "image inspect --config docker://example.com/app:1.2"],

  async run({ args, flags, engine, out, signal }) {
    const { raw, config, platform } = flags;
    if (raw && config)
      throw usageError("Cannot show two documents at once: --raw and --config exclude each other", "pass one of them");
    const calls = await engine();
    const found = await calls.inspectImage(
      {
        image: args.image,
        ...(platform === undefined ? {} : { platform }),
        ...(raw || config ? { document: raw ? ("raw" as const) : ("config" as const) } : {}),
      },
      { signal },
    );
    if ("document" in found) out.bytes("stdout", found.document);
    else out.result(found.summary, formatImage);
    return undefined;
  },
});

function formatImage(image: ImageDescription): string {
  const { config } = image;
  const line = (label: string, value: string | undefined) =>
    value === undefined || value === "" ? [] : [`${label.padEnd(12)} ${value}`];
  const many = (label: string, values: readonly string[]) =>
    values.flatMap((value, i) => line(i === 0 ? label : "", value));
  const pairs = (map: Readonly<Record<string, string>>) =>
    Object.entries(map).map(([name, value]) => `${name}=${value}`);
  return [
    ...line("name", image.name),
    ...line("place", image.place),
    ...line("digest", image.digest),
    ...line("index", image.indexDigest),
    ...line("type", image.artifactType ?? image.mediaType),
    ...line("platform", image.platform),
    ...line("size", formatBytes(image.sizeBytes)),
    ...line("created", config?.createdAt),
    ...line("entrypoint", config?.entrypoint.map((word) => JSON.stringify(word)).join(" ")),
    ...line("cmd", config?.cmd.map((word) => JSON.stringify(word)).join(" ")),
    ...line("user", config?.user),
    ...line("workdir", config?.workingDir),
    ...line("stop signal", config?.stopSignal),
    ...many("env", config?.env ?? []),
    ...many("port", config?.exposedPorts ?? []),
    ...many("volume", config?.volumes ?? []),
    ...many("label", pairs(config?.labels ?? {})),
    ...many("annotation", pairs(image.annotations)),
    ...many(
      "layer",
      image.layers.map(({ digest, sizeBytes }) => `${digest} ${formatBytes(sizeBytes)}`),
    ),
    ...many(
      "platforms",
      image.platforms.map(({ platform, digest }) => `${platform} ${digest}`),
    ),
  ].join("\n");
}
