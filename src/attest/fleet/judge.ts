import { type LogRecord, readRecord } from "../../audit/log/record.ts";
import type { Database } from "../../sys/sqlite.ts";
import { type FleetPolicy, isImageAllowed, type NodeRules, rulesFor } from "../policy.ts";
import type { NodeProblem } from "../problems.ts";
import { mentionsIn, textOf } from "./index-records.ts";
import type { KeptLog } from "./kept-log.ts";
import type { FleetNode } from "./nodes.ts";

/** What judging works on. */
export interface Judgement {
  readonly node: FleetNode;
  readonly kept: KeptLog;
  readonly policy: FleetPolicy;
}

/** Holds records that were not judged by this policy yet against it. What somebody acknowledged stays acknowledged. */
export function judgeRecords(database: Database, { node, kept, policy }: Judgement): void {
  const { size } = kept.head();
  const row = database.get("SELECT policy, size FROM judged WHERE node = ?", node.id);
  const isSame = row?.["policy"] === policy.hash;
  if (!isSame) database.run("DELETE FROM findings WHERE node = ? AND acknowledged_at IS NULL", node.id);
  const rules = rulesFor(policy, node.name);
  for (const { recnum, line } of kept.lines(isSame ? Number(row["size"]) : 0, size)) {
    const record = readRecord(new TextDecoder().decode(line));
    if (record === undefined) continue;
    for (const detail of violations(record, rules, (digest, at) => keysOf(database, { node: node.id, digest, at })))
      database.run("INSERT OR IGNORE INTO findings (node, recnum, detail) VALUES (?,?,?)", node.id, recnum, detail);
  }
  database.run("INSERT OR REPLACE INTO judged (node, policy, size) VALUES (?,?,?)", node.id, policy.hash, size);
}

/** What of a record the rules do not allow, in words. `keysFor` says who has vouched for a digest before a record. */
export function violations(
  record: LogRecord,
  rules: NodeRules,
  keysFor: (digest: string, before: number) => readonly string[],
): string[] {
  const { content, recnum } = record;
  const found: string[] = [];
  const regime = textOf(content["stage1"]);
  const begins = content.type === "pod.started" || content.type === "pod.restored";
  if (begins && rules.regimes !== undefined && !rules.regimes.includes(regime ?? ""))
    found.push(`regime ${regime} is not allowed`);
  if (content.type === "insecure.used" && rules.insecureOptions !== undefined && Array.isArray(content["options"])) {
    const { insecureOptions } = rules;
    const others = (content["options"] as readonly unknown[])
      .map(String)
      .filter((one) => !insecureOptions.includes(one));
    if (others.length > 0) found.push(`insecure options are not allowed: ${others.join(", ")}`);
  }
  for (const { ran, digest, name } of mentionsIn(record)) {
    if (!ran || digest === content["stage1Digest"]) continue;
    if (rules.images !== undefined && !isImageAllowed(rules.images, { name, digest }))
      found.push(`image ${name} (${digest}) is not on the list`);
    const { keys } = rules;
    if (keys !== undefined && !keysFor(digest, recnum).some((key) => keys.includes(key)))
      found.push(`image ${name} (${digest}) is not signed with a key of the list`);
  }
  return found;
}

/** What nobody has acknowledged yet, and how the host was booted. */
export function openFindings(database: Database, { node, kept, policy }: Judgement): NodeProblem[] {
  const rows = database.all(
    "SELECT recnum, detail FROM findings WHERE node = ? AND acknowledged_at IS NULL ORDER BY recnum LIMIT 20",
    node.id,
  );
  const found = rows.map(
    ({ recnum, detail }): NodeProblem => ({ kind: "policy-violation", record: Number(recnum), detail: String(detail) }),
  );
  const { pcrDigests } = rulesFor(policy, node.name);
  const { pcrDigest } = kept.head();
  if (pcrDigests !== undefined && !pcrDigests.includes(pcrDigest))
    found.push({ kind: "policy-violation", detail: `the host was booted in another way: PCR digest ${pcrDigest}` });
  return found;
}

/** Marks findings of a node up to a record as seen and accepted. Returns how many. */
export function acknowledgeFindings(
  database: Database,
  node: FleetNode,
  seen: { readonly through: number; readonly reason: string; readonly at: string },
): number {
  return database.run(
    "UPDATE findings SET acknowledged_at = ?, reason = ? WHERE node = ? AND recnum <= ? AND acknowledged_at IS NULL",
    ...[seen.at, seen.reason, node.id, seen.through],
  );
}

function keysOf(
  database: Database,
  { node, digest, at }: { readonly node: number; readonly digest: string; readonly at: number },
): string[] {
  const sql = "SELECT key FROM acceptances WHERE node = ? AND digest = ? AND recnum < ?";
  return database.all(sql, node, digest, at).map(({ key }) => String(key));
}
