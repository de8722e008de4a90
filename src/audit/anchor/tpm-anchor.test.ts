import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openFiles } from "../../sys/linux/files.ts";
import { type SoftwareTpm, startSoftwareTpm } from "../../testing/software-tpm.ts";
import { checkAnchor } from "../check/check-anchor.ts";
import { checkLog } from "../check/check-log.ts";
import { type EventContext, openEventSink, stampEvent } from "../event-log.ts";
import { withLog } from "../log/open-log.ts";
import { readEvents } from "../read-events.ts";
import { readCounter, readIndex } from "./extend.ts";
import { provisionIndex } from "./provision-index.ts";
import { Tpm } from "./tpm.ts";
import { openTpmAnchor } from "./tpm-anchor.ts";

let dir = "";
let swtpm: SoftwareTpm;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "gantry-anchor-"));
  swtpm = await startSoftwareTpm();
});
afterEach(async () => {
  await swtpm[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});

const files = () => openFiles(dir).sub("audit");
const place = () => ({ path: swtpm.socket, kind: "socket" as const });
const exec = (pod: string) => ({ type: "pod.exec", pod, app: "a" }) as const;

function contextOf(
  options: { anchor?: "required" | "preferred"; bootId?: string; notes?: string[] } = {},
): EventContext {
  const settings = { anchor: options.anchor ?? "required", write: "required", tpmTimeoutMs: 5000 } as const;
  return {
    clock: { nowMs: () => 0 },
    monotonicNs: () => 1,
    bootId: options.bootId ?? "boot",
    caller: { uid: 0, pid: 1, command: "bash" },
    hostname: "host",
    settings: () => settings,
    anchor: (log) => openTpmAnchor({ log, settings, place: place(), note: (text) => options.notes?.push(text) }),
  };
}
const sink = (options: Parameters<typeof contextOf>[0] = {}) => openEventSink(openFiles(dir), contextOf(options));

function provision() {
  using tpm = Tpm.open(swtpm.socket, "socket", 5000);
  const context = contextOf();
  const log = { files: files(), bootId: "boot", stamp: stampEvent(context) };
  return provisionIndex(tpm, log, { ownerAuth: "", akName: "", ekHash: "", hostname: "host" });
}

function check() {
  using tpm = Tpm.open(swtpm.socket, "socket", 5000);
  const log = checkLog(files());
  const reading = {
    kind: "read" as const,
    index: readIndex(tpm),
    counter: readCounter(tpm),
    akName: "",
    clock: tpm.readClock(),
    ekHash: "",
  };
  const anchor = checkAnchor(log.steps, reading);
  return { ...anchor, problems: [...log.problems, ...anchor.problems] };
}

test("openTpmAnchor() extends the index before report() returns, and the log accounts for its value, also after a reboot", async () => {
  provision();
  sink().report(exec("1"));
  expect(check()).toMatchObject({ state: "anchored", anchoredSize: 3, problems: [], remarks: [] });
  await swtpm.reboot();
  sink({ bootId: "next" }).report(exec("2"));
  expect(check()).toMatchObject({ state: "anchored", anchoredSize: 6, problems: [], remarks: [] });
});

test("openTpmAnchor() finishes what was killed between append and extend", () => {
  provision();
  sink().report(exec("1"));
  const state = readFileSync(join(dir, "audit/anchor-state"));
  const context = contextOf();
  const log = { files: files(), bootId: "boot", stamp: stampEvent(context) };
  withLog(
    log,
    (appender) => {
      const { size, root } = appender.head;
      const anchored = { type: "audit.anchored", size, root: Buffer.from(root).toString("hex") } as const;
      appender.append(log.stamp(anchored), 0x01d10500);
    },
    { sync: true },
  );
  rmSync(join(dir, "audit/anchor-state")); // and the note of it is lost too
  expect(check()).toMatchObject({ state: "anchored", anchoredSize: 3, problems: [] });
  sink().report(exec("2"));
  expect(check()).toMatchObject({ state: "anchored", anchoredSize: 6, problems: [], remarks: [] });
  writeFileSync(join(dir, "audit/anchor-state"), state); // an old note, as a power cut leaves it
  sink({ bootId: "next" }).report(exec("3"));
  expect(check()).toMatchObject({ state: "anchored", problems: [], remarks: [] });
});

test("an index that is deleted cannot be made again under its name, and one with another policy has another name", () => {
  const facts = provision();
  sink().report(exec("1"));
  swtpm.tool("tpm2_nvundefine", "0x01d10500", "-C", "o");
  expect(check().problems).toMatchObject([{ kind: "index-missing" }]);
  const attributes = "nt=extend|authwrite|authread|ownerread|no_da";
  swtpm.tool("tpm2_nvdefine", "0x01d10500", "-C", "o", "-g", "sha256", "-a", attributes);
  expect(check().problems).toMatchObject([{ kind: "index-recreated" }]);
  swtpm.tool("tpm2_nvundefine", "0x01d10500", "-C", "o");
  expect(provision().nvName).not.toBe(facts.nvName); // an honest new beginning, which the log tells
  expect(check()).toMatchObject({ state: "anchored", problems: [] });
});

test("openTpmAnchor() refuses without TPM where policy demands one, else says so once and notes loss and return", async () => {
  provision();
  await swtpm.stop();
  expect(() => sink().report(exec("1"))).toThrowCode("audit/not-anchored");
  const notes: string[] = [];
  const preferred = sink({ anchor: "preferred", notes });
  preferred.report(exec("2"));
  preferred.report(exec("3"));
  expect(notes.length).toBe(1);
  expect(notes[0]).toStartWith("UNANCHORED");
  await swtpm.start();
  sink().report(exec("4"));
  const kinds = [...readEvents(files())].map((event) => event.type);
  expect(kinds.filter((kind) => kind.startsWith("audit.anchor"))).toEqual([
    "audit.anchor-lost",
    "audit.anchor-regained",
    "audit.anchored",
  ]);
  expect(check()).toMatchObject({ state: "anchored", problems: [] });
});

test("openTpmAnchor() survives sessions that killed commands left in a TPM without resource manager", () => {
  provision();
  using tpm = Tpm.open(swtpm.socket, "socket", 5000);
  for (let left = 0; left < 3; left++) tpm.startPolicySession();
  tpm[Symbol.dispose]();
  sink().report(exec("1"));
  expect(check()).toMatchObject({ state: "anchored", problems: [] });
});
