import { formatCanonicalJson } from "../../audit/canonical-json.ts";
import { AUDIT_DIR } from "../../audit/log/log-layout.ts";
import { readMinimum } from "../../audit/log/pruning.ts";
import { readAllLines } from "../../audit/log/read-lines.ts";
import { type LogRecord, readRecord } from "../../audit/log/record.ts";
import type { AuditExportInput } from "../audit-calls.ts";
import type { EngineContext } from "../context.ts";

/** `audit export`: all records, in a form that others read. Lazily, so that the size of the log does not matter. */
export async function* exportEvents(ctx: EngineContext, { format }: AuditExportInput): AsyncGenerator<string> {
  let count = 0;
  if (format === "cel") yield "[";
  for (const line of lines(ctx)) {
    if (format === "jsonl") yield `${line}\n`;
    else if (format === "cel") yield `${count === 0 ? "\n" : ",\n"}${line}`;
    else yield formatJournal(readRecord(line));
    count++;
  }
  if (format === "cel") yield "\n]\n";
}

function* lines(ctx: EngineContext): Generator<string> {
  const files = ctx.root.sub(AUDIT_DIR);
  for (const { bytes, whole } of readAllLines(files, readMinimum(files))) {
    if (whole) yield Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
  }
}

/** Spec: systemd, Journal Export Formats. Values are single lines, as JSON always can be. */
function formatJournal(record: LogRecord | undefined): string {
  if (record === undefined) return "";
  const { content, recnum } = record;
  const text = (name: string): string => (typeof content[name] === "string" ? content[name] : "");
  const fields: readonly (readonly [string, string])[] = [
    ["__REALTIME_TIMESTAMP", String(Date.parse(text("time")) * 1000)],
    ["__MONOTONIC_TIMESTAMP", String(Math.floor(Number(content["monotonicNs"]) / 1000))],
    ["_BOOT_ID", text("bootId").replaceAll("-", "")],
    ["SYSLOG_IDENTIFIER", "gantry"],
    ["PRIORITY", content.type === "log.damaged" ? "2" : "5"],
    [
      "MESSAGE",
      `${content.type}${text("pod") === "" ? "" : ` pod=${text("pod")}`}${text("app") === "" ? "" : ` app=${text("app")}`}`,
    ],
    ["GANTRY_EVENT", content.type],
    ["GANTRY_RECNUM", String(recnum)],
    ["GANTRY_POD", text("pod")],
    ["GANTRY_APP", text("app")],
    ["GANTRY_DIGEST", record.digests[0].digest],
    ["GANTRY_CONTENT", formatCanonicalJson(content)],
  ];
  const present = fields.filter(([, value]) => value !== "");
  return `${present.map(([name, value]) => `${name}=${value.replaceAll("\n", " ")}\n`).join("")}\n`;
}
