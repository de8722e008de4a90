import type { Database } from "../../sys/sqlite.ts";
import type { FleetNode } from "./nodes.ts";
import type { Alert } from "./verdicts.ts";

/** A webhook message on its way. */
export interface Delivery {
  readonly id: string;
  /** JSON as it is signed and sent, the same at every attempt. */
  readonly body: string;
  readonly attempts: number;
}

/** Attempts before a message is given up. */
export const MAX_ATTEMPTS = 8;

/** Queues the message of an alert, in the transaction that made the alert: neither is ever there without the other. */
export function queueDelivery(
  database: Database,
  node: FleetNode,
  { alert, id }: { readonly alert: Alert; readonly id: string },
): void {
  const event = alert.state === "ok" ? "node.recovered" : "node.failing";
  const { at, state, problems } = alert;
  const body = JSON.stringify({ id, event, alert: alert.id, node: node.name, url: node.url, state, problems, at });
  database.run("INSERT INTO deliveries (id, alert, body) VALUES (?,?,?)", id, alert.id, body);
}

/** Messages to send, oldest first. */
export function dueDeliveries(database: Database): Delivery[] {
  return database
    .all("SELECT id, body, attempts FROM deliveries WHERE state = 'due' ORDER BY alert LIMIT 100")
    .map(({ id, body, attempts }) => ({ id: String(id), body: String(body), attempts: Number(attempts) }));
}

/** Notes how an attempt went; `error` undefined: the message has arrived. */
export function noteDelivery(database: Database, { id, attempts }: Delivery, error: string | undefined): void {
  const state = error === undefined ? "done" : attempts + 1 >= MAX_ATTEMPTS ? "given-up" : "due";
  const sql = "UPDATE deliveries SET state = ?, attempts = attempts + 1, last_error = ? WHERE id = ?";
  database.run(sql, state, error ?? null, id);
}

/** How many messages there are of each kind. */
export function countDeliveries(database: Database): ReadonlyMap<string, number> {
  const rows = database.all("SELECT state, COUNT(*) AS count FROM deliveries GROUP BY state");
  return new Map(rows.map(({ state, count }) => [String(state), Number(count)]));
}
