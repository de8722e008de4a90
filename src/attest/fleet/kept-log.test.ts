import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Frontier } from "../../audit/merkle/frontier.ts";
import { leafHash } from "../../audit/merkle/hash.ts";
import { signCheckpoint } from "../../audit/note/checkpoint.ts";
import { generateNoteSigner } from "../../audit/note/note-keys.ts";
import { parseTlogProof, verifyTlogProof } from "../../audit/note/tlog-proof.ts";
import { type Database, openDatabase } from "../../sys/sqlite.ts";
import { KeptLog, keptBytes } from "./kept-log.ts";
import { addNode } from "./nodes.ts";
import { SCHEMA } from "./schema.ts";
import { notePoll, readVerdict } from "./verdicts.ts";
import { whereRan } from "./where-ran.ts";

let dir = "";
let database: Database;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "gantry-fleet-"));
  database = openDatabase(join(dir, "fleet.sqlite"), SCHEMA);
});
afterEach(() => {
  database[Symbol.dispose]();
  rmSync(dir, { recursive: true, force: true });
});

const FACTS = {
  url: "http://x",
  vkey: "v",
  akName: "a",
  ekHash: "e",
  ekPem: "p",
  ekTrust: "t",
  nvName: "n",
  counter: 1,
};
const addTestNode = (name = "n") => addNode(database, { ...FACTS, name }, "2026-01-01T00:00:00.000Z");
const HEAD = { nvValue: "00", clockMs: 1, resetCount: 1, restartCount: 1, pcrDigest: "" };
const SIZE = 66_000; // one hash of the second level of tiles, and something behind it

test("KeptLog proves records of a log that spans three levels of tiles, and goes on where it was", () => {
  const kept = new KeptLog(database, addTestNode().id);
  const signer = generateNoteSigner(() => "log");
  const whole = new Frontier();
  const entries = Array.from({ length: SIZE }, (_, at) => Buffer.from(`record ${at}`));
  for (const entry of entries) whole.append(leafHash(entry));
  const tree = new Frontier();
  for (let at = 0; at < SIZE; at += 20_000) kept.stage(tree, entries.slice(at, at + 20_000));
  expect([kept.stagedSize(), kept.head().size]).toEqual([SIZE, 0]);
  expect(Buffer.compare(tree.root(), whole.root())).toBe(0);
  expect(Buffer.compare(kept.tree(SIZE).root(), whole.root())).toBe(0);
  expect(() => kept.prove(0)).toThrowCode("attest/unknown-node");
  kept.commit({ ...HEAD, size: SIZE, checkpoint: signCheckpoint(signer, { size: SIZE, root: whole.root() }) });
  for (const at of [0, 255, 256, 65_535, 65_536, SIZE - 1]) {
    const proven = verifyTlogProof(parseTlogProof(kept.prove(at)), { log: signer, witnesses: [] });
    expect([proven.index, new TextDecoder().decode(proven.entry)]).toEqual([at, `record ${at}`]);
  }
  // What was only staged goes, with the hashes of tiles that it completed.
  kept.stage(
    kept.tree(SIZE),
    Array.from({ length: 600 }, () => Buffer.from("false")),
  );
  kept.dropStaged();
  const more = Array.from({ length: 600 }, (_, at) => Buffer.from(`record ${SIZE + at}`));
  kept.stage(kept.tree(SIZE), more);
  for (const entry of more) whole.append(leafHash(entry));
  expect(Buffer.compare(kept.tree(SIZE + 600).root(), whole.root())).toBe(0);
});

test("notePoll() tells each change once, and is patient with a node out of reach only", () => {
  const node = addTestNode();
  const poll = (...kinds: readonly ("unreachable" | "forked")[]) => {
    const problems = kinds.map((kind) => ({ kind, detail: String(Math.PI) }));
    const outcome = { problems, at: "2026-01-01T00:00:00.000Z", pollMs: 1 };
    return notePoll(database, node, { outcome, patience: 2 })?.state;
  };
  expect([
    poll(),
    poll(),
    poll("unreachable"),
    poll(),
    poll("unreachable"),
    poll("unreachable"),
    poll("unreachable"),
  ]).toEqual([undefined, undefined, undefined, undefined, undefined, "failing", undefined]);
  expect([poll("forked"), poll("forked"), poll("unreachable"), readVerdict(database, node).problems[0]?.kind]).toEqual([
    "failing",
    undefined,
    undefined,
    "forked",
  ]);
  expect([poll(), readVerdict(database, node).state, readVerdict(database, node).polls]).toEqual(["ok", "ok", 11]);
});

test("whereRan() takes beginnings of digests, and refuses what is none", () => {
  expect(whereRan(database, "0123abcd")).toEqual([]);
  for (const text of ["", "abc", "latest", "sha256:%", "md5:0123abcd"])
    expect(() => whereRan(database, text)).toThrowCode("attest/bad-name");
});

test("openDatabase() refuses a file that is no database", () => {
  const path = join(dir, "other");
  Bun.spawnSync(["sh", "-c", `echo 'this is some text and not a database at all' > ${path}`]);
  expect(() => openDatabase(path, SCHEMA)).toThrowCode("sys/errno");
});

test("KeptLog counts empty records too, so that nobody fills the disk with them", () => {
  const kept = new KeptLog(database, addTestNode().id);
  const empty = Array.from({ length: 10 }, () => new Uint8Array());
  kept.stage(new Frontier(), empty);
  expect(kept.stagedBytes()).toBe(keptBytes(empty));
  expect(keptBytes(empty)).toBeGreaterThan(1000);
});
