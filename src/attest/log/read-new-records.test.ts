import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatRecord } from "../../audit/log/record.ts";
import { TILE_WIDTH } from "../../audit/log/tile-path.ts";
import { Frontier } from "../../audit/merkle/frontier.ts";
import { openDatabase } from "../../sys/sqlite.ts";
import { KeptLog } from "../fleet/kept-log.ts";
import { addNode } from "../fleet/nodes.ts";
import { SCHEMA } from "../fleet/schema.ts";
import { readNewRecords } from "./read-new-records.ts";

const dir = mkdtempSync(join(tmpdir(), "gantry-records-"));
const database = openDatabase(join(dir, "fleet.sqlite"), SCHEMA);
afterAll(() => {
  database[Symbol.dispose]();
  rmSync(dir, { recursive: true });
});

const FACTS = { url: "x", vkey: "v", akName: "a", ekHash: "e", ekPem: "p", ekTrust: "t", nvName: "n", counter: 1 };
const newLog = (name: string) =>
  new KeptLog(database, addNode(database, { ...FACTS, name }, "2026-01-01T00:00:00.000Z").id);
const TILES = 20;
const record = (recnum: number) =>
  Buffer.from(formatRecord({ type: "pod.exited", pod: `p${recnum}` }, { recnum }).line);

test("readNewRecords() gives way between slices, so that another node's many records do not hold up a poll", async () => {
  const [large, small] = [newLog("large"), newLog("small")];
  large.stage(
    new Frontier(),
    Array.from({ length: TILES * TILE_WIDTH }, (_, at) => record(at)),
  );
  small.stage(new Frontier(), [record(0)]);
  const done: string[] = [];
  let isOver = false;
  const first = readNewRecords(large, TILES * TILE_WIDTH).then(() => {
    isOver = true;
  });
  while (!isOver) {
    const news = await readNewRecords(small, 1);
    expect(news).not.toHaveProperty("kind");
    done.push("small");
    await new Promise((resolve) => setImmediate(resolve));
  }
  await first;
  expect(done.length).toBeGreaterThanOrEqual(TILES - 1);
});

test("readNewRecords() names the record that is none, in a later slice too", async () => {
  const kept = newLog("edited");
  const bad = TILE_WIDTH + 7;
  kept.stage(
    new Frontier(),
    Array.from({ length: 2 * TILE_WIDTH }, (_, at) => record(at === bad ? 1 : at)),
  );
  expect(await readNewRecords(kept, 2 * TILE_WIDTH)).toMatchObject({ kind: "record-edited", record: bad });
});
