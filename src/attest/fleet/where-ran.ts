import type { Database } from "../../sys/sqlite.ts";
import { AttestError } from "../errors.ts";

/** A record that names a digest. */
export interface Sighting {
  readonly node: string;
  /** Set when the node was enrolled anew or removed since. RFC 3339. */
  readonly retiredAt?: string;
  readonly record: number;
  readonly digest: string;
  readonly image: string;
  readonly event: string;
  readonly time: string;
  readonly pod?: string;
  readonly app?: string;
  /** It was executed, not only fetched or checked. */
  readonly ran: boolean;
}

const MAX_SIGHTINGS = 10_000;

/**
 * Everywhere a digest, or the beginning of one, was named; executions first. In all logs that were ever kept.
 * @throws {AttestError} "attest/bad-name" for what is no digest
 */
export function whereRan(database: Database, digest: string): Sighting[] {
  const [, algorithm = "sha256", hex] = /^(?:(sha256|sha512):)?([0-9a-f]{8,128})$/.exec(digest.trim()) ?? [];
  if (hex === undefined) {
    throw new AttestError("attest/bad-name", `Cannot search for "${digest.slice(0, 100)}": it is no digest`, {
      hint: "write it as sha256:HEX, or at least its first eight characters",
    });
  }
  const start = `${algorithm}:${hex}`;
  const rows = database.all(
    "SELECT mentions.*, nodes.name AS node_name, nodes.retired_at FROM mentions JOIN nodes ON nodes.id = mentions.node WHERE digest >= ? AND digest < ? ORDER BY ran DESC, nodes.name, recnum LIMIT ?",
    ...[start, `${start}~`, MAX_SIGHTINGS],
  );
  return rows.map((row) => ({
    node: String(row["node_name"]),
    ...(typeof row["retired_at"] === "string" ? { retiredAt: row["retired_at"] } : {}),
    record: Number(row["recnum"]),
    digest: String(row["digest"]),
    image: String(row["name"]),
    event: String(row["type"]),
    time: String(row["time"]),
    ...(typeof row["pod"] === "string" ? { pod: row["pod"] } : {}),
    ...(typeof row["app"] === "string" ? { app: row["app"] } : {}),
    ran: row["ran"] === 1,
  }));
}
