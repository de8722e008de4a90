import { defineCommand } from "../command.ts";

/** `image convert`: an image in another format. */
export const imageConvert = defineCommand({
  args: {
    image: { help: "Image of the store, or aci:FILE, oci:DIR, an archive, docker://…, a URL" },
    destination: { help: "oci:DIR[:REF], oci-archive:FILE[:REF], docker-archive:FILE[:REF] or aci:FILE[:NAME]" },
  },
  flags: {
    name: {
      type: "string",
      placeholder: "NAME[:VERSION]",
      help: "Name in the manifest of an App Container Image (default: the source's)",
    },
    flatten: {
      type: "boolean",
      help: "Make the dependencies of an App Container Image part of it",
    },
    platform: { type: "string", placeholder: "OS/ARCH", help: "Of an image for several platforms only this" },
  },
  details:
    "The same image gives the same bytes on every machine, at any time. Signatures are not carried over: the result is another image and is signed anew.",
  examples: [
    "image convert aci:app.aci oci:./layout",
    "image convert docker-archive:app.tar aci:app.aci --name=example.com/app:1.2",
    "image convert example.com/app:1.2 docker-archive:app.tar",
  ],

  async run({ args, flags, engine, out, signal }) {
    const { name, platform } = flags;
    const calls = await engine();
    const converted = await calls.convertImage(
      {
        source: args.image,
        destination: args.destination,
        flatten: flags.flatten,
        ...(name === undefined ? {} : { name }),
        ...(platform === undefined ? {} : { platform }),
      },
      { signal },
    );
    out.result(converted, (one) => {
      out.note(one.placedAt);
      return one.imageId ?? one.digest;
    });
    return undefined;
  },
});
