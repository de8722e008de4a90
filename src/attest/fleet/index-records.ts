import type { EventApp, EventImage } from "../../audit/events.ts";
import { type LogRecord, readRecord } from "../../audit/log/record.ts";
import type { Database } from "../../sys/sqlite.ts";
import type { KeptLog } from "./kept-log.ts";

/** An image that a record names. */
export interface Mention {
  readonly digest: string;
  readonly name: string;
  /** It was executed, not only fetched or checked. */
  readonly ran: boolean;
  readonly app?: string;
}

const STARTS = new Set(["pod.started", "pod.restored", "app.added", "app.started", "app.restarted"]);

/** Every image, and stage1, that a record names by digest. Records come from elsewhere: nothing of their shape is taken for granted. */
export function mentionsIn({ content }: LogRecord): Mention[] {
  const ran = STARTS.has(content.type);
  const apps = Array.isArray(content["apps"]) ? (content["apps"] as readonly unknown[]) : [];
  const found = apps.flatMap((entry) =>
    mentionOf((entry as Partial<EventApp> | null)?.image, ran, textOf((entry as Partial<EventApp> | null)?.app)),
  );
  const single = mentionOf(content["image"] as Partial<EventImage> | undefined, ran, textOf(content["app"]));
  const stage1Digest = textOf(content["stage1Digest"]);
  const stage1 =
    stage1Digest === undefined
      ? []
      : [{ digest: stage1Digest, name: `stage1 ${textOf(content["stage1"]) ?? ""}`, ran }];
  return [...found, ...single, ...stage1];
}

function mentionOf(image: Partial<EventImage> | undefined | null, ran: boolean, app: string | undefined): Mention[] {
  const [digest, name] = [textOf(image?.digest), textOf(image?.name)];
  return digest === undefined ? [] : [{ digest, name: name ?? "", ran, ...(app === undefined ? {} : { app }) }];
}

/** The value if it is text. */
export function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** Makes records findable by digest, and notes which keys vouched for which image. */
export function indexRecords(
  database: Database,
  kept: KeptLog,
  { node, from, to }: { readonly node: number; readonly from: number; readonly to: number },
): void {
  for (const { recnum, line } of kept.lines(from, to)) {
    const record = readRecord(new TextDecoder().decode(line));
    if (record === undefined) continue;
    const { content } = record;
    for (const { digest, name, ran, app } of mentionsIn(record)) {
      database.run(
        "INSERT OR IGNORE INTO mentions (digest, node, recnum, name, type, time, pod, app, ran) VALUES (?,?,?,?,?,?,?,?,?)",
        ...[digest, node, recnum, name, content.type, textOf(content["time"]) ?? ""],
        ...[textOf(content["pod"]) ?? null, app ?? null, ran ? 1 : 0],
      );
    }
    if (content.type !== "image.verified" || !Array.isArray(content["acceptedBy"])) continue;
    const digest = textOf((content["image"] as Partial<EventImage> | undefined)?.digest);
    for (const key of content["acceptedBy"] as readonly unknown[]) {
      if (digest === undefined || typeof key !== "string") continue;
      const sql = "INSERT OR IGNORE INTO acceptances (node, digest, key, recnum) VALUES (?,?,?,?)";
      database.run(sql, node, digest, key, recnum);
    }
  }
}
