import type { Database } from "../../sys/sqlite.ts";
import type { FleetNode } from "./nodes.ts";

const TABLES = ["logs", "records", "spans", "mentions", "acceptances", "findings", "judged", "verdicts"];

/** Undoes an enrolment that did not come to its end; the one before it, if any, holds again. */
export function forgetNode(database: Database, node: FleetNode, before: FleetNode | undefined): void {
  database.transaction(() => {
    for (const table of TABLES) database.run(`DELETE FROM ${table} WHERE node = ?`, node.id);
    database.run("DELETE FROM nodes WHERE id = ?", node.id);
    if (before !== undefined) database.run("UPDATE nodes SET retired_at = NULL WHERE id = ?", before.id);
  });
}
