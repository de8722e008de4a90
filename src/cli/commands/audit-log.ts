import { defineCommand } from "../command.ts";
import { formatTime } from "../format-values.ts";

/** `audit log`: what was fetched, verified, started and ended, oldest first. */
export const auditLog = defineCommand({
  args: {},
  flags: {
    pod: { type: "string", placeholder: "POD", help: "Only events of this pod" },
    kind: { type: "strings", placeholder: "KIND", help: "Only events of this kind" },
    since: { type: "string", placeholder: "TIME", help: "Only events since this RFC 3339 time" },
    tail: { type: "integer", short: "n", placeholder: "COUNT", help: "Only the last events" },
  },
  examples: ["audit log", "audit log --pod=5d1c --json"],

  async run({ flags, engine, out, signal }) {
    const calls = await engine();
    const filter = {
      kinds: flags.kind,
      ...(flags.pod === undefined ? {} : { pod: flags.pod }),
      ...(flags.since === undefined ? {} : { since: flags.since }),
      ...(flags.tail === undefined ? {} : { tail: flags.tail }),
    };
    out.result(await calls.listEvents(filter, { signal }), (events) => {
      const rows = events.map((event) => [formatTime(event.at), event.kind, JSON.stringify(event.data)]);
      return out.table(["TIME", "EVENT", "DATA"], rows);
    });
    return undefined;
  },
});
