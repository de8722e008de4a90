import { Database as BunDatabase, type SQLQueryBindings } from "bun:sqlite";
import { chmodSync, existsSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { SysError } from "./errors.ts";

/** What a column holds. */
export type SqlValue = string | number | Uint8Array | null;
/** A row by column names. */
export type SqlRow = Readonly<Record<string, SqlValue>>;

/** A database in one file. Several processes may have it open; each change is durable when it returns. */
export interface Database extends Disposable {
  all(sql: string, ...values: readonly SqlValue[]): SqlRow[];
  get(sql: string, ...values: readonly SqlValue[]): SqlRow | undefined;
  /** Returns how many rows changed. */
  run(sql: string, ...values: readonly SqlValue[]): number;
  /** All changes that `work` makes, or none. Not for work that waits. */
  transaction<T>(work: () => T): T;
}

const BUSY_MS = 15_000;

/**
 * Opens, or makes, a database that only its owner reads.
 * @throws {SysError} "sys/permission", "sys/no-space"; "sys/errno" for a file that is no database
 */
export function openDatabase(path: string, schema: string): Database {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const isNew = !existsSync(path);
    const database = new BunDatabase(path, { create: true, strict: true });
    if (isNew) chmodSync(path, 0o600);
    database.run(`PRAGMA busy_timeout = ${BUSY_MS}`);
    for (const pragma of ["journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"])
      database.run(`PRAGMA ${pragma}`);
    database.transaction(() => database.run(schema)).immediate();
    return wrap(path, database);
  } catch (reason) {
    throw sqlError(path, reason);
  }
}

function wrap(path: string, database: BunDatabase): Database {
  const attempt = <T>(work: () => T): T => {
    try {
      return work();
    } catch (reason) {
      throw sqlError(path, reason);
    }
  };
  return {
    all: (sql, ...values) => attempt(() => database.query<SqlRow, SQLQueryBindings[]>(sql).all(...bind(values))),
    get: (sql, ...values) =>
      attempt(() => database.query<SqlRow, SQLQueryBindings[]>(sql).get(...bind(values))) ?? undefined,
    run: (sql, ...values) => attempt(() => database.query(sql).run(...bind(values)).changes),
    transaction: (work) => attempt(() => database.transaction(work).immediate()),
    [Symbol.dispose]: () => database.close(),
  };
}

function bind(values: readonly SqlValue[]): SQLQueryBindings[] {
  return values.map((value) => value);
}

function sqlError(path: string, reason: unknown): unknown {
  const code = reason instanceof Error && "code" in reason ? String(reason.code) : "";
  if (code === "SQLITE_FULL" || code === "ENOSPC")
    return new SysError("sys/no-space", `Cannot write "${path}": the disk is full`, { cause: reason });
  if (["SQLITE_CANTOPEN", "SQLITE_READONLY", "EACCES", "EPERM", "EROFS"].includes(code)) {
    return new SysError("sys/permission", `Cannot open "${path}": no permission`, {
      hint: "run as the user who owns it, or choose another directory with --root",
      cause: reason,
    });
  }
  if (!code.startsWith("SQLITE_")) return reason;
  return new SysError("sys/errno", `Cannot use database "${path}": ${code}`, { cause: reason });
}
