import { TILE_WIDTH } from "../../audit/log/tile-path.ts";
import { openTileHashes } from "../../audit/log/tree-hashes.ts";
import { rootOf } from "../../audit/log/write-tiles.ts";
import { Frontier } from "../../audit/merkle/frontier.ts";
import { leafHash, type TreeHash } from "../../audit/merkle/hash.ts";
import { proveInclusion, type SubtreeHash } from "../../audit/merkle/proofs.ts";
import { formatTlogProof } from "../../audit/note/tlog-proof.ts";
import type { Database } from "../../sys/sqlite.ts";
import { AttestError } from "../errors.ts";

/** What was verified of a node's log last. */
export interface KeptHead {
  readonly size: number;
  /** Signed text; empty while nothing is kept. */
  readonly checkpoint: string;
  /** Value of the NV index, hexadecimal. */
  readonly nvValue: string;
  readonly clockMs: number;
  readonly resetCount: number;
  readonly restartCount: number;
  readonly pcrDigest: string;
}

/** What a record takes up besides its bytes: without it a node could fill the disk with empty ones. */
const RECORD_OVERHEAD_BYTES = 128;

/** What records of these bytes take up here. */
export function keptBytes(entries: readonly Uint8Array[]): number {
  return entries.reduce((sum, entry) => sum + entry.byteLength + RECORD_OVERHEAD_BYTES, 0);
}

/** A node's log as this verifier keeps it: append-only. */
export class KeptLog {
  readonly #database: Database;
  readonly #node: number;

  constructor(database: Database, node: number) {
    this.#database = database;
    this.#node = node;
  }

  head(): KeptHead {
    const row = this.#database.get("SELECT * FROM logs WHERE node = ?", this.#node);
    return {
      size: Number(row?.["size"] ?? 0),
      checkpoint: String(row?.["checkpoint"] ?? ""),
      nvValue: String(row?.["nv_value"] ?? "00".repeat(32)),
      clockMs: Number(row?.["clock_ms"] ?? 0),
      resetCount: Number(row?.["reset_count"] ?? 0),
      restartCount: Number(row?.["restart_count"] ?? 0),
      pcrDigest: String(row?.["pcr_digest"] ?? ""),
    };
  }

  /** From here on the records before `size` are verified. */
  commit(head: KeptHead): void {
    this.#database.run(
      "INSERT OR REPLACE INTO logs (node, size, checkpoint, nv_value, clock_ms, reset_count, restart_count, pcr_digest) VALUES (?,?,?,?,?,?,?,?)",
      ...[this.#node, head.size, head.checkpoint, head.nvValue, head.clockMs],
      ...[head.resetCount, head.restartCount, head.pcrDigest],
    );
  }

  /** How many records are here, with those not yet verified. */
  stagedSize(): number {
    return Number(
      this.#database.get("SELECT MAX(recnum) + 1 AS size FROM records WHERE node = ?", this.#node)?.["size"] ?? 0,
    );
  }

  /** How much is here that was not verified yet, as `keptBytes` counts it. */
  stagedBytes(): number {
    const sql = "SELECT SUM(LENGTH(line) + ?) AS bytes FROM records WHERE node = ? AND recnum >= ?";
    return Number(this.#database.get(sql, RECORD_OVERHEAD_BYTES, this.#node, this.head().size)?.["bytes"] ?? 0);
  }

  /** Forgets what was not verified. */
  dropStaged(): void {
    const { size } = this.head();
    this.#database.transaction(() => {
      this.#database.run("DELETE FROM records WHERE node = ? AND recnum >= ?", this.#node, size);
      for (
        let [level, count] = [1, Math.floor(size / TILE_WIDTH)];
        level < 8;
        level++, count = Math.floor(count / TILE_WIDTH)
      )
        this.#database.run("DELETE FROM spans WHERE node = ? AND level = ? AND at >= ?", this.#node, level, count);
    });
  }

  /** Appends entries behind those that are here; `tree` is over all before them, and grows. */
  stage(tree: Frontier, entries: readonly Uint8Array[]): void {
    this.#database.transaction(() => {
      for (const entry of entries) {
        const leaf = leafHash(entry);
        this.#database.run(
          "INSERT INTO records (node, recnum, line, leaf) VALUES (?,?,?,?)",
          this.#node,
          tree.size,
          entry,
          leaf,
        );
        tree.append(leaf);
        if (tree.size % TILE_WIDTH === 0 && tree.tileRoot !== undefined)
          this.#raise(1, tree.size / TILE_WIDTH - 1, tree.tileRoot);
      }
    });
  }

  /** The tree over the first `size` records. */
  tree(size: number): Frontier {
    const hashOf = this.hashes(size);
    const peaks: TreeHash[] = [];
    for (let from = 0; from < size; ) {
      let span = 1;
      while (span * 2 <= size - from) span *= 2;
      peaks.push(hashOf(from, from + span));
      from += span;
    }
    return Frontier.restore(size, peaks) ?? new Frontier();
  }

  hashes(size: number): SubtreeHash {
    return openTileHashes(size, ({ level, index, width }) => {
      const first = index * TILE_WIDTH;
      const sql =
        level === 0
          ? "SELECT leaf AS hash FROM records WHERE node = ? AND recnum >= ? AND recnum < ? ORDER BY recnum"
          : `SELECT hash FROM spans WHERE node = ? AND level = ${level} AND at >= ? AND at < ? ORDER BY at`;
      return this.#database.all(sql, this.#node, first, first + width).map(({ hash }) => hash as Uint8Array);
    });
  }

  line(recnum: number): Uint8Array | undefined {
    const row = this.#database.get("SELECT line FROM records WHERE node = ? AND recnum = ?", this.#node, recnum);
    return row?.["line"] instanceof Uint8Array ? row["line"] : undefined;
  }

  /** Numbers and lines from `from` (inclusive) to `to` (exclusive), a few at a time. */
  *lines(from: number, to: number): Generator<{ readonly recnum: number; readonly line: Uint8Array }> {
    for (let start = from; start < to; start += TILE_WIDTH) {
      const end = Math.min(to, start + TILE_WIDTH);
      const sql = "SELECT recnum, line FROM records WHERE node = ? AND recnum >= ? AND recnum < ? ORDER BY recnum";
      for (const row of this.#database.all(sql, this.#node, start, end))
        yield { recnum: Number(row["recnum"]), line: row["line"] as Uint8Array };
    }
  }

  /**
   * Text of a `.tlog-proof` under the node's own signature, with the record in it.
   * @throws {AttestError} "attest/unknown-node" for a record that is not kept
   */
  prove(recnum: number): string {
    const { size, checkpoint } = this.head();
    const line = recnum < size ? this.line(recnum) : undefined;
    if (line === undefined) {
      throw new AttestError(
        "attest/unknown-node",
        `Cannot prove record ${recnum}: ${size} records are kept of this node`,
        {
          hint: "take the number from the list of events",
        },
      );
    }
    const hashes = proveInclusion(this.hashes(size), recnum, size);
    return formatTlogProof({ index: recnum, hashes, extra: line, checkpoint });
  }

  // Each full tile gives its root to the level above.
  #raise(level: number, at: number, hash: TreeHash): void {
    this.#database.run(
      "INSERT OR REPLACE INTO spans (node, level, at, hash) VALUES (?,?,?,?)",
      this.#node,
      level,
      at,
      hash,
    );
    if ((at + 1) % TILE_WIDTH !== 0) return;
    const sql = "SELECT hash FROM spans WHERE node = ? AND level = ? AND at > ? ORDER BY at";
    const below = this.#database.all(sql, this.#node, level, at - TILE_WIDTH).map((row) => row["hash"] as Uint8Array);
    this.#raise(level + 1, (at + 1) / TILE_WIDTH - 1, rootOf(below));
  }
}
