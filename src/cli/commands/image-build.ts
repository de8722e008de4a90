import type { ConfigEdits } from "../../image/edit-config.ts";
import type { FlagValues } from "../command.ts";
import { defineCommand } from "../command.ts";
import { usageError } from "../errors.ts";
import type { FlagSpecs } from "../flag-spec.ts";
import { parsePairs } from "../parse-pairs.ts";

const EDITS = {
  entrypoint: {
    type: "strings",
    placeholder: "ARG",
    help: "Program to start; repeat for its arguments, or give a JSON list. Drops the base's command",
  },
  cmd: { type: "strings", placeholder: "ARG", help: "Default arguments; repeat, or give a JSON list" },
  env: { type: "strings", short: "e", placeholder: "NAME=VALUE", help: "Environment variable; repeatable" },
  user: { type: "string", short: "u", placeholder: "USER[:GROUP]", help: "User to run as" },
  workdir: { type: "string", short: "w", placeholder: "DIR", help: "Working directory" },
  label: { type: "strings", short: "l", placeholder: "NAME=VALUE", help: "Label in the configuration; repeatable" },
  volume: { type: "strings", placeholder: "DIR", help: "Directory meant for data that stays; repeatable" },
  port: { type: "strings", short: "p", placeholder: "PORT[/udp]", help: "Port the program listens on; repeatable" },
  "stop-signal": { type: "string", placeholder: "SIGNAL", help: "Signal that asks it to stop" },
} as const satisfies FlagSpecs;

/** `image build`: base, files and flags in, image out; no daemon, no Dockerfile, nothing run. */
export const imageBuild = defineCommand({
  details:
    "Tarballs are added first, then --add in order, all as one layer. Every time in it is SOURCE_DATE_EPOCH, or the epoch: the same input gives the same digest on every machine. Sign it afterwards with gantry sign, where it was put; an unsigned image is refused by run, also one built here.",
  args: { destination: { help: "Name in the store, or docker://…, oci:DIR[:REF], oci-archive:FILE[:REF]" } },
  flags: {
    from: { type: "string", placeholder: "IMAGE", help: "Base image; verified as for running (default: nothing)" },
    add: {
      type: "strings",
      placeholder: "SRC:/DEST[:UID:GID[:MODE]]",
      help: "Add a file, or what is in a directory; repeatable. Owner 0:0, mode 0644 or 0755 unless given",
    },
    "add-tar": {
      type: "strings",
      placeholder: "FILE[:/DEST]",
      help: "Add what is in a tarball (plain, gzip, zstd), owners and modes as it says; repeatable",
    },
    ...EDITS,
    annotation: { type: "strings", placeholder: "NAME=VALUE", help: "Annotation of the manifest; repeatable" },
    platform: {
      type: "strings",
      placeholder: "OS/ARCH",
      help: "Platform; repeated, the result is an index (default: this host's)",
    },
    compression: { type: "string", choices: ["gzip", "zstd", "none"], help: "Of the new layer (default gzip)" },
  },
  examples: [
    "image build --add ./app:/bin/app --entrypoint=/bin/app localhost/app:1",
    "image build --from example.com/base:12 --add-tar dist.tar.gz:/srv --user=1000 docker://example.com/app:1.2",
  ],

  async run({ args, flags, engine, out, signal }) {
    const { compression, from } = flags;
    const calls = await engine();
    const built = await calls.buildImage(
      {
        ...(from === undefined || from === "scratch" ? {} : { from }),
        add: flags.add,
        addTar: flags["add-tar"],
        edits: editsOf(flags),
        annotations: parsePairs("--annotation", flags.annotation),
        platforms: flags.platform,
        compression: compression === "zstd" || compression === "none" ? compression : "gzip",
        destination: args.destination,
      },
      { signal },
    );
    out.result(built, (image) => {
      out.note(`Built ${image.placedAt}`);
      return image.digest;
    });
    return undefined;
  },
});

function editsOf(flags: FlagValues<typeof EDITS>): ConfigEdits {
  const { user, workdir } = flags;
  const stopSignal = flags["stop-signal"];
  const some = <T>(list: readonly string[], value: T): T | undefined => (list.length === 0 ? undefined : value);
  for (const entry of flags.env) {
    if (entry.indexOf("=") < 1)
      throw usageError(`Cannot use --env "${entry}": it has no value`, "write it as NAME=VALUE");
  }
  const edits = {
    entrypoint: some(flags.entrypoint, argvOf("--entrypoint", flags.entrypoint)),
    cmd: some(flags.cmd, argvOf("--cmd", flags.cmd)),
    env: some(flags.env, flags.env),
    user,
    workingDir: workdir,
    labels: some(flags.label, parsePairs("--label", flags.label)),
    volumes: some(flags.volume, flags.volume),
    exposedPorts: some(flags.port, flags.port),
    stopSignal,
  };
  return Object.fromEntries(Object.entries(edits).filter(([, value]) => value !== undefined));
}

function argvOf(flag: string, words: readonly string[]): readonly string[] {
  const [only = ""] = words;
  if (words.length !== 1 || !only.startsWith("[")) return words;
  try {
    const list: unknown = JSON.parse(only);
    if (Array.isArray(list) && list.every((word) => typeof word === "string")) return list;
  } catch {
    // Told below: what begins like a list is meant as one.
  }
  throw usageError(`Cannot use ${flag} ${only}: it is no JSON list of texts`, `write it as ${flag} '["a","b"]'`);
}
