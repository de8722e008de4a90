import type { Database } from "../../sys/sqlite.ts";
import { isPassing, type NodeProblem } from "../problems.ts";
import type { FleetNode } from "./nodes.ts";

/** How a node stands. `new`: never asked yet. */
export type NodeState = "new" | "ok" | "failing";

/** What is said of a node, and since when. Times are RFC 3339. */
export interface Verdict {
  readonly state: NodeState;
  readonly problems: readonly NodeProblem[];
  readonly since: string;
  readonly polledAt?: string;
  readonly okAt?: string;
  /** Polls in a row that learned nothing. */
  readonly misses: number;
  readonly polls: number;
  readonly failedPolls: number;
  readonly pollMs: number;
}

/** One poll's outcome. */
export interface PollOutcome {
  readonly problems: readonly NodeProblem[];
  readonly at: string;
  readonly pollMs: number;
}

/** A change of verdict, as alerts and webhooks tell it. */
export interface Alert {
  readonly id: number;
  readonly at: string;
  readonly state: NodeState;
  readonly problems: readonly NodeProblem[];
}

/** The verdict on a node. */
export function readVerdict(database: Database, node: FleetNode): Verdict {
  const row = database.get("SELECT * FROM verdicts WHERE node = ?", node.id);
  if (row === undefined) {
    return { state: "new", problems: [], since: node.enrolledAt, misses: 0, polls: 0, failedPolls: 0, pollMs: 0 };
  }
  const { polled_at: polledAt, ok_at: okAt } = row;
  return {
    state: row["state"] as NodeState,
    problems: JSON.parse(String(row["problems"])) as NodeProblem[],
    since: String(row["since"]),
    ...(typeof polledAt === "string" ? { polledAt } : {}),
    ...(typeof okAt === "string" ? { okAt } : {}),
    misses: Number(row["misses"]),
    polls: Number(row["polls"]),
    failedPolls: Number(row["failed_polls"]),
    pollMs: Number(row["poll_ms"]),
  };
}

/**
 * Notes a poll. Returns the alert when the verdict changed: to failing, to failing for other reasons, or back to ok.
 * A node that cannot be reached keeps its verdict until `patience` polls in a row have missed it. Call in a transaction.
 */
export function notePoll(
  database: Database,
  node: FleetNode,
  { outcome, patience }: { readonly outcome: PollOutcome; readonly patience: number },
): Alert | undefined {
  const before = readVerdict(database, node);
  const { problems, at, pollMs } = outcome;
  const isMiss = problems.length > 0 && problems.every(isPassing);
  const misses = isMiss ? before.misses + 1 : 0;
  const isKept = isMiss && misses < patience;
  const state: NodeState = isKept ? before.state : problems.length === 0 ? "ok" : "failing";
  const shown = isKept ? before.problems : problems;
  const isChange =
    state !== before.state ? !(before.state === "new" && state === "ok") : keyOf(shown) !== keyOf(before.problems);
  const isOk = problems.length === 0;
  database.run(
    "INSERT OR REPLACE INTO verdicts (node, state, problems, since, polled_at, ok_at, misses, polls, failed_polls, poll_ms) VALUES (?,?,?,?,?,?,?,?,?,?)",
    ...[node.id, state, JSON.stringify(shown), isChange || state !== before.state ? at : before.since, at],
    ...[
      isOk ? at : (before.okAt ?? null),
      misses,
      before.polls + 1,
      before.failedPolls + (isOk ? 0 : 1),
      Math.round(pollMs),
    ],
  );
  if (!isChange) return undefined;
  const sql = "INSERT INTO alerts (node, at, state, problems) VALUES (?,?,?,?) RETURNING id";
  const row = database.get(sql, node.id, at, state, JSON.stringify(shown));
  return { id: Number(row?.["id"]), at, state, problems: shown };
}

/** The newest alerts, newest first; of one node or of all. */
export function listAlerts(
  database: Database,
  { node, limit }: { readonly node?: number; readonly limit: number },
): (Alert & { readonly name: string })[] {
  const where = node === undefined ? "" : "WHERE alerts.node = ?";
  const sql = `SELECT alerts.*, nodes.name FROM alerts JOIN nodes ON nodes.id = alerts.node ${where} ORDER BY alerts.id DESC LIMIT ?`;
  const rows = node === undefined ? database.all(sql, limit) : database.all(sql, node, limit);
  return rows.map((row) => ({
    id: Number(row["id"]),
    name: String(row["name"]),
    at: String(row["at"]),
    state: row["state"] as NodeState,
    problems: JSON.parse(String(row["problems"])) as NodeProblem[],
  }));
}

/** Two lists that tell the same story have the same key: details may carry numbers that grow. */
function keyOf(problems: readonly NodeProblem[]): string {
  return problems
    .map(({ kind, record }) => `${kind}${record === undefined || kind !== "policy-violation" ? "" : `@${record}`}`)
    .sort()
    .join(" ");
}
