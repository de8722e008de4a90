import { acknowledgeFindings as acknowledge } from "../../attest/fleet/judge.ts";
import { KeptLog } from "../../attest/fleet/kept-log.ts";
import { listNodes, requireNode, retireNode } from "../../attest/fleet/nodes.ts";
import { readVerdict } from "../../attest/fleet/verdicts.ts";
import { type Sighting, whereRan as search } from "../../attest/fleet/where-ran.ts";
import { formatTimestamp } from "../../base/clock.ts";
import type { Database } from "../../sys/sqlite.ts";
import type { AcknowledgeInput, NodeSummary } from "../attest-calls.ts";
import type { EngineContext } from "../context.ts";
import { openFleet } from "./open-fleet.ts";

/** `attest list`. */
export function listFleet(ctx: EngineContext): NodeSummary[] {
  using database = openFleet(ctx);
  return summarizeNodes(database);
}

/** How all nodes stand. */
export function summarizeNodes(database: Database): NodeSummary[] {
  return listNodes(database).map((node) => {
    const { state, since, problems, polledAt, okAt } = readVerdict(database, node);
    return {
      ...{ name: node.name, url: node.url, state, since, problems, size: new KeptLog(database, node.id).head().size },
      ...(polledAt === undefined ? {} : { polledAt }),
      ...(okAt === undefined ? {} : { okAt }),
      ...{ enrolledAt: node.enrolledAt, ekFingerprint: node.ekHash, ekTrust: node.ekTrust, vkey: node.vkey },
    };
  });
}

/** `attest remove`: the node is asked no more; its log stays. @throws {AttestError} "attest/unknown-node" */
export function removeNode(ctx: EngineContext, { name }: { readonly name: string }): void {
  using database = openFleet(ctx);
  retireNode(database, requireNode(database, name), formatTimestamp(ctx.clock.nowMs()));
}

/** `attest where`. @throws {AttestError} "attest/bad-name" */
export function whereRan(ctx: EngineContext, { digest }: { readonly digest: string }): Sighting[] {
  using database = openFleet(ctx);
  return search(database, digest);
}

/** `attest acknowledge`. @throws {AttestError} "attest/unknown-node" */
export function acknowledgeFindings(ctx: EngineContext, input: AcknowledgeInput): { readonly acknowledged: number } {
  using database = openFleet(ctx);
  const node = requireNode(database, input.name);
  const through = input.through ?? new KeptLog(database, node.id).head().size;
  const seen = { through, reason: input.reason, at: formatTimestamp(ctx.clock.nowMs()) };
  return { acknowledged: acknowledge(database, node, seen) };
}
