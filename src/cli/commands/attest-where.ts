import { defineCommand } from "../command.ts";
import { formatTime } from "../format-values.ts";

/** `attest where`: the question after a bad image was found. */
export const attestWhere = defineCommand({
  details:
    "Searches the verified logs of all nodes, also of those that were removed or replaced. Shows executions; with --all also where the image was only fetched or checked.",
  args: { digest: { help: "Digest of an image or stage1, or its beginning" } },
  flags: { all: { type: "boolean", help: "Also records that only name the digest" } },
  examples: ["attest where sha256:4f53cda1…", "attest where 4f53cda1 --json"],

  async run({ args, flags, engine, out }) {
    const found = await (await engine()).whereRan({ digest: args.digest });
    const shown = flags.all ? found : found.filter(({ ran }) => ran);
    out.result(shown, (some) => {
      if (some.length === 0) return "nowhere, as far as the logs kept here go";
      const rows = some.map((one) => [
        one.retiredAt === undefined ? one.node : `${one.node} (until ${one.retiredAt})`,
        String(one.record),
        formatTime(one.time),
        one.event,
        one.pod ?? "-",
        one.app ?? "-",
        one.image,
      ]);
      return out.table(["NODE", "RECORD", "TIME", "EVENT", "POD", "APP", "IMAGE"], rows);
    });
    return undefined;
  },
});
