import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openFiles } from "../sys/linux/files.ts";
import { checkLog } from "./check/check-log.ts";
import { type EventContext, openEventSink } from "./event-log.ts";
import { readEvents } from "./read-events.ts";

let dir = "";
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "gantry-audit-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const context: EventContext = {
  clock: { nowMs: () => 0 },
  monotonicNs: () => 1,
  bootId: "boot",
  caller: { uid: 0, pid: 1, command: "bash" },
  hostname: "host",
  settings: () => ({ anchor: "off", write: "required", tpmTimeoutMs: 1000 }),
};
const lines = () => readFileSync(join(dir, "audit/events/000000.jsonl"), "utf8").split("\n").slice(0, -1);
const audit = () => openFiles(dir).sub("audit");
const removed = (pod: string) => ({ type: "pod.removed", pod }) as const;

test("openEventSink() appends canonical CEL records that readEvents() gives back by pod", () => {
  const sink = openEventSink(openFiles(dir), context);
  sink.report(removed("1"));
  sink.report(removed("2"));
  const content =
    '{"bootId":"boot","caller":{"command":"bash","pid":1,"uid":0},"monotonicNs":1,"pod":"1","time":"1970-01-01T00:00:00.000Z","type":"pod.removed"}';
  const digest = new Bun.CryptoHasher("sha256").update(content).digest("hex");
  expect(lines()[1]).toBe(
    `{"content":${content},"content_type":"gantry","digests":[{"digest":"${digest}","hashAlg":"sha256"}],"recnum":1}`,
  );
  expect([...readEvents(audit(), { pod: "2" })].map((event) => event.type)).toEqual(["pod.removed"]);
  sink.settle();
  expect(checkLog(audit())).toMatchObject({ problems: [], remarks: [], head: { size: 3 } });
});

test("openEventSink() begins every boot with a record that holds the tree before it", () => {
  openEventSink(openFiles(dir), context).report(removed("1"));
  openEventSink(openFiles(dir), { ...context, bootId: "next" }).report(removed("2"));
  expect([...readEvents(audit())].map(({ type, bootId }) => [type, bootId])).toEqual([
    ["audit.started", "boot"],
    ["pod.removed", "boot"],
    ["audit.started", "next"],
    ["pod.removed", "next"],
  ]);
  expect(checkLog(audit()).problems).toEqual([]);
});

test("openEventSink() cuts off half a record of a killed command, says so, and keeps whole ones it did not count", () => {
  const sink = openEventSink(openFiles(dir), context);
  sink.report(removed("1"));
  const state = readFileSync(join(dir, "audit/state"));
  sink.report(removed("2"));
  writeFileSync(join(dir, "audit/state"), state); // killed before it could be written
  audit().append("events/000000.jsonl", '{"content":{"boo');
  sink.report(removed("3"));
  const events = [...readEvents(audit())].map((event) => ("pod" in event ? event.pod : event.type));
  expect(events).toEqual(["audit.started", "1", "2", "log.repaired", "audit.started", "3"]);
  expect(checkLog(audit()).problems).toEqual([]);
});

test("openEventSink() survives the loss of its note of where the log ends", () => {
  const sink = openEventSink(openFiles(dir), context);
  for (let at = 0; at < 300; at++) sink.report(removed(String(at)));
  sink.settle();
  rmSync(join(dir, "audit/state"));
  openEventSink(openFiles(dir), context).report(removed("last"));
  expect(checkLog(audit())).toMatchObject({ problems: [], head: { size: 303 } });
});

test("openEventSink() records damage when less is there than was written in this boot", () => {
  const sink = openEventSink(openFiles(dir), context);
  for (let at = 0; at < 5; at++) sink.report(removed(String(at)));
  writeFileSync(join(dir, "audit/events/000000.jsonl"), `${lines().slice(0, 4).join("\n")}\n`);
  sink.report(removed("5"));
  expect(checkLog(audit()).problems).toMatchObject([{ kind: "truncated", record: 4 }]);
});

test("openEventSink() records what is too large by its digest", () => {
  const sink = openEventSink(openFiles(dir), context);
  sink.report({ type: "pod.exec", pod: "1", app: "a", argv: ["x".repeat(70_000)] });
  const [, event] = [...readEvents(audit())];
  expect(event).toMatchObject({ type: "pod.exec", pod: "1", argv: { sizeBytes: 70_004 }, shortened: true });
});

test("openEventSink() refuses a start that cannot be recorded, and keeps an end for later", () => {
  const spool = openFiles(join(dir, "run"));
  const notes: string[] = [];
  const sink = openEventSink(openFiles(dir), { ...context, spool, note: (text) => notes.push(text) });
  writeFileSync(join(dir, "audit"), ""); // no directory can be made here, not even by root
  expect(() => sink.report({ type: "insecure.used", options: ["image"] })).toThrowCode("audit/not-recorded");
  sink.report(removed("1"));
  expect(notes.length).toBe(1);
  rmSync(join(dir, "audit"));
  sink.report(removed("2"));
  expect([...readEvents(audit(), { pod: "1" })]).toMatchObject([{ late: true }]);
});

test("openEventSink() keeps one order when several processes write at once", async () => {
  const script = join(dir, "writer.ts");
  const here = (path: string) => JSON.stringify(join(import.meta.dir, path));
  await Bun.write(
    script,
    `
    const { openFiles } = await import(${here("../sys/linux/files.ts")});
    const { openEventSink } = await import(${here("event-log.ts")});
    const sink = openEventSink(openFiles(${JSON.stringify(dir)}), { clock: { nowMs: () => 0 }, monotonicNs: () => 1,
      bootId: "b", caller: { uid: 0, pid: process.pid, command: "c" }, hostname: "h",
      settings: () => ({ anchor: "off", write: "required", tpmTimeoutMs: 1 }) });
    for (let i = 0; i < 200; i++) sink.report({ type: "pod.removed", pod: "x".repeat(500) });
    sink.settle();`,
  );
  const writers = [1, 2, 3].map(() => Bun.spawn([process.execPath, script], { stderr: "inherit" }));
  expect(await Promise.all(writers.map((one) => one.exited))).toEqual([0, 0, 0]);
  expect(checkLog(audit())).toMatchObject({ problems: [], head: { size: 601 } });
});
