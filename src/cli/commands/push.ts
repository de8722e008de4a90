import { defineCommand } from "../command.ts";

/** `push`: copies an image of the store, or of any other place, to where others can get it. */
export const push = defineCommand({
  details:
    "A bare name or digest means the store. Without a destination the image goes to the registry its name says. Blobs that are there already are not sent; a broken upload goes on where it stopped. Signatures over the image come along: OpenPGP, sigstore bundles, and cosign's.",
  args: {
    image: { help: "Stored image, or docker://…, oci:DIR, an archive, a URL" },
    destination: { help: "docker://HOST/NAME:TAG, oci:DIR, oci-archive:FILE or docker-archive:FILE", optional: true },
  },
  flags: {
    platform: {
      type: "strings",
      placeholder: "OS/ARCH",
      help: "Of an image for several platforms only this; repeatable (default: all)",
    },
    "remove-signatures": { type: "boolean", help: "Leave signatures behind" },
  },
  examples: [
    "push example.com/app:1.2",
    "push example.com/app:1.2 docker://registry.example.com/team/app:1.2",
    "push docker://example.com/app:1.2 oci-archive:./app.tar --platform=linux/arm64",
  ],

  async run({ args, flags, engine, out, signal }) {
    const calls = await engine();
    const destination = args.destination ?? args.image;
    const [copied] = await calls.copyImages(
      { images: [args.image], destination, platforms: flags.platform, withoutSignatures: flags["remove-signatures"] },
      { signal },
    );
    out.result(copied, (one) => {
      if (one === undefined) return "";
      const counts = `${one.written} blobs sent, ${one.mounted} mounted, ${one.present} already there`;
      out.note(`${one.placedAt}: ${counts}`);
      if (one.signatures > 0) out.note(`${one.signatures} signatures came along`);
      if (one.signaturesLeftOut > 0)
        out.note(
          `${one.signaturesLeftOut} signatures did not come along: they name the place they are in, or have none there`,
        );
      return one.digest;
    });
    return undefined;
  },
});
