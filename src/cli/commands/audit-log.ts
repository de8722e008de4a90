import type { EventSummary } from "../../engine/audit-calls.ts";
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
    follow: {
      type: "boolean",
      short: "f",
      help: "Go on with events as they happen, one JSON object a line with --json",
    },
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
    if (flags.follow) {
      for await (const event of calls.followEvents(filter, { signal })) {
        const text = out.style.json ? JSON.stringify(event) : out.table([], [rowOf(event)]);
        out.bytes("stdout", `${text}\n`);
      }
      return undefined;
    }
    out.result(await calls.listEvents(filter, { signal }), (events) => {
      return out.table(["RECORD", "TIME", "EVENT", "DATA"], events.map(rowOf));
    });
    return undefined;
  },
});

function rowOf(event: EventSummary): string[] {
  return [String(event.record), formatTime(event.at), event.kind, JSON.stringify(event.data)];
}
