/**
 * State of a verifier. `nodes` holds one row per enrolment: one that was replaced or removed keeps its log, as evidence,
 * with `retired_at`. Of `records`, those before `logs.size` are verified; later ones are on their way.
 */
export const SCHEMA = `
CREATE TABLE IF NOT EXISTS nodes (
  id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, url TEXT NOT NULL, token TEXT,
  vkey TEXT NOT NULL, ak_name TEXT NOT NULL, ek_hash TEXT NOT NULL, ek_pem TEXT NOT NULL, ek_certificate BLOB,
  ek_trust TEXT NOT NULL, nv_name TEXT NOT NULL, counter INTEGER NOT NULL,
  enrolled_at TEXT NOT NULL, retired_at TEXT);
CREATE UNIQUE INDEX IF NOT EXISTS nodes_active ON nodes (name) WHERE retired_at IS NULL;
CREATE TABLE IF NOT EXISTS logs (
  node INTEGER PRIMARY KEY REFERENCES nodes (id), size INTEGER NOT NULL, checkpoint TEXT NOT NULL,
  nv_value TEXT NOT NULL, clock_ms INTEGER NOT NULL, reset_count INTEGER NOT NULL, restart_count INTEGER NOT NULL,
  pcr_digest TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS records (
  node INTEGER NOT NULL REFERENCES nodes (id), recnum INTEGER NOT NULL, line BLOB NOT NULL, leaf BLOB NOT NULL,
  PRIMARY KEY (node, recnum)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS spans (
  node INTEGER NOT NULL REFERENCES nodes (id), level INTEGER NOT NULL, at INTEGER NOT NULL, hash BLOB NOT NULL,
  PRIMARY KEY (node, level, at)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS mentions (
  digest TEXT NOT NULL, node INTEGER NOT NULL REFERENCES nodes (id), recnum INTEGER NOT NULL, name TEXT NOT NULL,
  type TEXT NOT NULL, time TEXT NOT NULL, pod TEXT, app TEXT, ran INTEGER NOT NULL,
  PRIMARY KEY (digest, node, recnum, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS acceptances (
  node INTEGER NOT NULL REFERENCES nodes (id), digest TEXT NOT NULL, key TEXT NOT NULL, recnum INTEGER NOT NULL,
  PRIMARY KEY (node, digest, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS findings (
  node INTEGER NOT NULL REFERENCES nodes (id), recnum INTEGER NOT NULL, detail TEXT NOT NULL,
  acknowledged_at TEXT, reason TEXT, PRIMARY KEY (node, recnum, detail)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS judged (node INTEGER PRIMARY KEY REFERENCES nodes (id), policy TEXT NOT NULL, size INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS verdicts (
  node INTEGER PRIMARY KEY REFERENCES nodes (id), state TEXT NOT NULL, problems TEXT NOT NULL, since TEXT NOT NULL,
  polled_at TEXT, ok_at TEXT, misses INTEGER NOT NULL DEFAULT 0, polls INTEGER NOT NULL DEFAULT 0,
  failed_polls INTEGER NOT NULL DEFAULT 0, poll_ms INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS alerts (
  id INTEGER PRIMARY KEY AUTOINCREMENT, node INTEGER NOT NULL REFERENCES nodes (id), at TEXT NOT NULL,
  state TEXT NOT NULL, problems TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS deliveries (
  id TEXT PRIMARY KEY, alert INTEGER NOT NULL REFERENCES alerts (id), body TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
  state TEXT NOT NULL DEFAULT 'due', last_error TEXT);
`;
