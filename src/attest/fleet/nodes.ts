import type { Database, SqlRow } from "../../sys/sqlite.ts";
import { AttestError } from "../errors.ts";

/** What was established about a node when it was enrolled. Hashes and TPM names are hexadecimal. */
export interface NodeFacts {
  readonly name: string;
  readonly url: string;
  readonly token?: string;
  readonly vkey: string;
  readonly akName: string;
  /** SHA-256 of the endorsement key's PEM: what `gantry audit init` prints too. */
  readonly ekHash: string;
  readonly ekPem: string;
  readonly ekCertificate?: Uint8Array;
  /** Why the endorsement key is believed: the subject of the authority that certified it, or that nobody did. */
  readonly ekTrust: string;
  readonly nvName: string;
  readonly counter: number;
}

/** An enrolled node. */
export interface FleetNode extends NodeFacts {
  readonly id: number;
  readonly enrolledAt: string;
  readonly retiredAt?: string;
}

/** All enrolments of today, by name. */
export function listNodes(database: Database): FleetNode[] {
  return database.all("SELECT * FROM nodes WHERE retired_at IS NULL ORDER BY name").map(toNode);
}

/** Undefined when no node of this name is enrolled. */
export function findNode(database: Database, name: string): FleetNode | undefined {
  const row = database.get("SELECT * FROM nodes WHERE retired_at IS NULL AND name = ?", name);
  return row === undefined ? undefined : toNode(row);
}

/** @throws {AttestError} "attest/unknown-node" */
export function requireNode(database: Database, name: string): FleetNode {
  const node = findNode(database, name);
  if (node !== undefined) return node;
  throw new AttestError("attest/unknown-node", `Cannot find node "${name.slice(0, 100)}": it is not enrolled`, {
    hint: "see who is: gantry attest list",
  });
}

/** Adds an enrolment, and retires the one there was. */
export function addNode(database: Database, facts: NodeFacts, at: string): FleetNode {
  return database.transaction(() => {
    const before = findNode(database, facts.name);
    if (before !== undefined) retireNode(database, before, at);
    database.run(
      "INSERT INTO nodes (name, url, token, vkey, ak_name, ek_hash, ek_pem, ek_certificate, ek_trust, nv_name, counter, enrolled_at) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
      facts.name,
      facts.url,
      facts.token ?? null,
      facts.vkey,
      facts.akName,
      facts.ekHash,
      facts.ekPem,
      facts.ekCertificate ?? null,
      facts.ekTrust,
      facts.nvName,
      facts.counter,
      at,
    );
    return requireNode(database, facts.name);
  });
}

/** The same node at another address. */
export function moveNode(
  database: Database,
  node: FleetNode,
  to: { readonly url: string; readonly token?: string },
): void {
  database.run("UPDATE nodes SET url = ?, token = ? WHERE id = ?", to.url, to.token ?? null, node.id);
}

/** Asked no more; its log stays. */
export function retireNode(database: Database, node: FleetNode, at: string): void {
  database.run("UPDATE nodes SET retired_at = ? WHERE id = ?", at, node.id);
}

function toNode(row: SqlRow): FleetNode {
  const text = (name: string): string => String(row[name]);
  const { token, ek_certificate: certificate, retired_at: retiredAt } = row;
  return {
    id: Number(row["id"]),
    name: text("name"),
    url: text("url"),
    ...(typeof token === "string" ? { token } : {}),
    vkey: text("vkey"),
    akName: text("ak_name"),
    ekHash: text("ek_hash"),
    ekPem: text("ek_pem"),
    ...(certificate instanceof Uint8Array ? { ekCertificate: certificate } : {}),
    ekTrust: text("ek_trust"),
    nvName: text("nv_name"),
    counter: Number(row["counter"]),
    enrolledAt: text("enrolled_at"),
    ...(typeof retiredAt === "string" ? { retiredAt } : {}),
  };
}
