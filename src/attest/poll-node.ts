import type { Database } from "../sys/sqlite.ts";
import { examineNode } from "./examine-node.ts";
import { indexRecords } from "./fleet/index-records.ts";
import { judgeRecords, openFindings } from "./fleet/judge.ts";
import { KeptLog } from "./fleet/kept-log.ts";
import type { FleetNode } from "./fleet/nodes.ts";
import type { NodeClient } from "./node-client.ts";
import type { FleetPolicy } from "./policy.ts";
import type { NodeProblem } from "./problems.ts";

/** What polling works with. */
export interface PollTools {
  readonly database: Database;
  readonly client: NodeClient;
  readonly policy: FleetPolicy;
  /** Never used before. Hexadecimal. */
  readonly nonce: string;
}

/**
 * One look at a node. Good news become part of the kept log; `note` gets what is wrong, within the same transaction, so
 * that no crash keeps the one and loses the other.
 */
export async function pollNode<T>(
  node: FleetNode,
  { database, client, policy, nonce }: PollTools,
  note: (problems: readonly NodeProblem[]) => T,
): Promise<T> {
  const kept = new KeptLog(database, node.id);
  const found = await examineNode(node, { client, kept, nonce });
  return database.transaction(() => {
    const judgement = { node, kept, policy };
    if (found.kind === "bad") {
      const open = found.problem.kind === "unreachable" ? [] : openFindings(database, judgement);
      return note([found.problem, ...open]);
    }
    const from = kept.head().size;
    kept.commit(found.head);
    indexRecords(database, kept, { node: node.id, from, to: found.head.size });
    judgeRecords(database, judgement);
    return note(openFindings(database, judgement));
  });
}
