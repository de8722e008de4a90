import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EngineError } from "../base/errors.ts";
import { openFiles } from "../sys/linux/files.ts";
import { EVENT_LOG_PATH, openEventSink } from "./event-log.ts";
import { readEvents } from "./read-events.ts";

let dir = "";
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "gantry-audit-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const context = {
  clock: { nowMs: () => 0 },
  monotonicNs: () => 1,
  bootId: "boot",
  caller: { uid: 0, pid: 1, command: "bash" },
};

test("openEventSink() appends canonical lines that readEvents() gives back by pod", () => {
  const files = openFiles(dir);
  const sink = openEventSink(files, context);
  sink.report({ type: "pod.removed", pod: "1" });
  sink.report({ type: "pod.removed", pod: "2" });
  expect(files.readText(EVENT_LOG_PATH).split("\n")[0]).toBe(
    '{"bootId":"boot","caller":{"command":"bash","pid":1,"uid":0},"monotonicNs":1,"pod":"1","time":"1970-01-01T00:00:00.000Z","type":"pod.removed"}',
  );
  expect([...readEvents(files, { pod: "2" })].map((event) => event.type)).toEqual(["pod.removed"]);
});

test("openEventSink() ends a torn line and says so before going on", () => {
  const files = openFiles(dir);
  files.ensureDir("audit");
  files.append(EVENT_LOG_PATH, '{"type":"pod.rem');
  openEventSink(files, context).report({ type: "pod.removed", pod: "1" });
  const events = [...readEvents(files)];
  expect(events.map((event) => event.type)).toEqual(["log.repaired", "pod.removed"]);
  expect(events[0]).toMatchObject({ tornBytes: 16 });
});

test("openEventSink() refuses a record of more than 64 KiB", () => {
  const sink = openEventSink(openFiles(dir), context);
  try {
    sink.report({ type: "pod.exec", pod: "1", app: "a", program: "x".repeat(70_000) });
    expect.unreachable();
  } catch (reason) {
    expect(reason instanceof EngineError ? reason.code : reason).toBe("audit/too-large");
  }
});

test("openEventSink() keeps lines whole when several processes write at once", async () => {
  const script = join(dir, "writer.ts");
  await Bun.write(
    script,
    `
    const { openFiles } = await import(${JSON.stringify(join(import.meta.dir, "../sys/linux/files.ts"))});
    const { openEventSink } = await import(${JSON.stringify(join(import.meta.dir, "event-log.ts"))});
    const sink = openEventSink(openFiles(${JSON.stringify(dir)}), { clock: { nowMs: () => 0 }, monotonicNs: () => 1, bootId: "b", caller: { uid: 0, pid: process.pid, command: "c" } });
    for (let i = 0; i < 50; i++) sink.report({ type: "pod.removed", pod: "x".repeat(5000) });`,
  );
  const writers = [1, 2, 3].map(() => Bun.spawn([process.execPath, script], { stderr: "inherit" }));
  expect(await Promise.all(writers.map((one) => one.exited))).toEqual([0, 0, 0]);
  expect([...readEvents(openFiles(dir))].length).toBe(150);
});
