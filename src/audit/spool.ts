import type { Files } from "../sys/host.ts";
import { formatCanonicalJson } from "./canonical-json.ts";
import type { RecordContent } from "./log/record.ts";

/** Events that the log could not take, one line each, in the run-time directory. */
const SPOOL_FILE = "audit-spool.jsonl";
const SPOOL_LIMIT_BYTES = 16 * 1024 * 1024;

/** Keeps an event until the log can be written again. */
export function addToSpool(run: Files, content: RecordContent): void {
  run.append(SPOOL_FILE, `${formatCanonicalJson(content)}\n`, { sync: false });
}

/** Takes what was kept, oldest first. The caller holds the log's lock. */
export function takeSpool(run: Files): readonly RecordContent[] {
  if (!run.has(SPOOL_FILE)) return [];
  const lines = run.readText(SPOOL_FILE, SPOOL_LIMIT_BYTES).split("\n").slice(0, -1);
  run.remove(SPOOL_FILE);
  return lines.map((line) => JSON.parse(line) as RecordContent);
}
