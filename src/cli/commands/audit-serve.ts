import { defineCommand } from "../command.ts";

/** `audit serve`: the log over HTTP, for reading. */
export const auditServe = defineCommand({
  details:
    "Serves checkpoint, tiles and entries as C2SP tlog-tiles clients expect them, until interrupted. Records name images, pods and users of this host: whoever may connect may read them.",
  args: {},
  flags: { listen: { type: "string", placeholder: "ADDRESS:PORT", help: "Where to listen (default 127.0.0.1:8372)" } },
  examples: ["audit serve --listen=127.0.0.1:8372"],

  async run({ flags, engine, out, signal }) {
    const onListening = (url: string) => out.text(`serving the event log on ${url}/`);
    await (await engine()).serveLog({ listen: flags.listen ?? "127.0.0.1:8372", onListening }, { signal });
    return undefined;
  },
});
