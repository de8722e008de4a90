import { defineCommand } from "../command.ts";
import { usageError } from "../errors.ts";

/** `sign`: an OpenPGP signature over an image, put where verifiers look for it. */
export const sign = defineCommand({
  args: { image: { help: "Archive, oci:DIR, or registry reference" } },
  flags: {
    key: { type: "string", aliases: ["key-file"], placeholder: "FILE", help: "Secret key file" },
    "gpg-key": {
      type: "string",
      aliases: ["local-user"],
      placeholder: "ID",
      help: "Key of the user's own gpg keyring",
    },
    format: {
      type: "string",
      placeholder: "FORMAT",
      help: "openpgp (default), simple (skopeo, podman), cosign, or bundle (cosign 3)",
    },
    identity: {
      type: "string",
      aliases: ["sign-identity"],
      placeholder: "NAME",
      help: "Name inside a simple or cosign signature (default: the reference)",
    },
    output: {
      type: "string",
      short: "o",
      placeholder: "FILE",
      help: "Write the signature here (default: beside the archive)",
    },
  },
  examples: [
    "sign --key=./release.key app.tar",
    "sign --gpg-key=release@example.com docker://example.com/app:1.2",
    "sign --format=simple --gpg-key=release@example.com docker://example.com/app:1.2",
    "sign --format=cosign --key=cosign.key docker://example.com/app:1.2",
  ],

  async run({ args, flags, engine, out, signal }) {
    const { key, output } = flags;
    const gpgKey = flags["gpg-key"];
    if ((key === undefined) === (gpgKey === undefined)) {
      throw usageError(
        `Cannot sign "${args.image}": it is not clear with which key`,
        "pass exactly one of --key=FILE and --gpg-key=ID",
      );
    }
    const format = parseFormat(flags.format);
    const calls = await engine();
    const signed = await calls.signImage(
      {
        image: args.image,
        ...(key === undefined ? {} : { keyFile: key }),
        ...(gpgKey === undefined ? {} : { gpgKey }),
        ...(output === undefined ? {} : { output }),
        ...(format === undefined ? {} : { format }),
        ...(flags.identity === undefined ? {} : { identity: flags.identity }),
      },
      { signal },
    );
    out.result(signed, (one) => `Signed ${one.digest}\nby     ${one.fingerprint}\nat     ${one.placedAt}`);
    return undefined;
  },
});

const FORMATS = ["openpgp", "simple", "cosign", "bundle"] as const;

function parseFormat(text: string | undefined): (typeof FORMATS)[number] | undefined {
  if (text === undefined) return undefined;
  const format = FORMATS.find((one) => one === text);
  if (format !== undefined) return format;
  throw usageError(`Cannot sign in format "${text.slice(0, 100)}": unknown`, `use one of: ${FORMATS.join(", ")}`);
}
