import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { extendIndex } from "../../src/audit/anchor/extend.ts";
import { provisionIndex } from "../../src/audit/anchor/provision-index.ts";
import { Tpm } from "../../src/audit/anchor/tpm.ts";
import { openTpmAnchor } from "../../src/audit/anchor/tpm-anchor.ts";
import { type EventContext, openEventSink, openLogHost } from "../../src/audit/event-log.ts";
import type { EngineEvent } from "../../src/audit/events.ts";
import { readRecord } from "../../src/audit/log/record.ts";
import { openFiles } from "../../src/sys/linux/files.ts";
import { startSoftwareTpm } from "../../src/testing/software-tpm.ts";
import { IMAGE, type Lab } from "../lab.ts";
import type { Subject } from "../subject.ts";

const ANCHORED = "gantry run, anchored in a software TPM";
const PLAIN = "gantry run, anchor off";
const AUDIT_ALONE = "the audit of one run alone: the same records, written, synced and anchored";
const TPM_ALONE = "the TPM's own time: connect, session, extend";

/**
 * What the audit costs in `run`: everything beyond the time that the TPM itself takes. Whole runs differ by more than that
 * from one to the next, so the records of a run are also written alone.
 */
export const runAnchored: Subject = {
  name: "run-anchored",
  title: "`run /bin/true` with the event log anchored in a TPM",
  unit: "ms",
  rounds: 15,
  open: async (lab) => {
    const stack = new AsyncDisposableStack();
    const start = async () => stack.use(await startSoftwareTpm());
    const [used, alone, audited] = [await start(), await start(), await start()];
    const settings = join(lab.world.config, "audit.json");
    const configure = (value: object) => () => writeFileSync(settings, JSON.stringify(value));
    const anchored = configure({ tpm: used.socket });
    const off = configure({ anchor: "off" });
    anchored();
    lab.gantry(["audit", "init"]);
    stack.defer(() => rmSync(settings));
    const run = () => void lab.gantry(["run", "--net=none", IMAGE, "--exec=/bin/true"]);
    const events = eventsOf(lab, run);
    // Before both that are measured alone comes a run, so that caches and disk are as one leaves them.
    // As `run` reports them: how the pod before it ended, in one go, and then its own.
    const ends = events.filter(({ type }) => type.endsWith(".exited"));
    const others = events.filter((event) => !ends.includes(event));
    const context = contextFor(audited.socket);
    const dir = join(lab.world.dir, "audited");
    provision(audited.socket, dir);
    const { counter } = provision(alone.socket, join(lab.world.dir, "alone"));
    return {
      base: PLAIN,
      contenders: [
        { name: ANCHORED, before: anchored, run },
        { name: PLAIN, before: off, run },
        {
          name: AUDIT_ALONE,
          before: run,
          run: () => {
            const sink = openEventSink(openFiles(dir), context);
            sink.reportTogether(ends);
            for (const event of others) sink.report(event);
          },
        },
        {
          name: TPM_ALONE,
          before: run,
          run: () => {
            using tpm = Tpm.open(alone.socket, "socket", 10_000);
            extendIndex(tpm, "00".repeat(32), { isFirst: false, counter });
          },
        },
      ],
      goals: [
        {
          text: "the audit of a run beyond the TPM's own time",
          value: (median) => median(AUDIT_ALONE) - median(TPM_ALONE),
          limit: 5,
          unit: "ms",
        },
      ],
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    };
  },
};

/** What a run that follows another one records up to the start of its program. */
function eventsOf(lab: Lab, run: () => void): EngineEvent[] {
  const file = join(lab.world.root, "audit/events/000000.jsonl");
  for (let times = 0; times < 2; times++) run(); // the first makes a stage1 image and a key for it
  const before = readFileSync(file, "utf8").length;
  run();
  const lines = readFileSync(file, "utf8").slice(before).trim().split("\n");
  // The anchoring is the sink's own record.
  return lines
    .map((line) => readRecord(line)?.content as unknown as EngineEvent)
    .filter(({ type }) => !type.startsWith("audit."));
}

function contextFor(socket: string): EventContext {
  const settings = { anchor: "required", write: "required", tpmTimeoutMs: 10_000 } as const;
  const place = { path: socket, kind: "socket" } as const;
  return {
    clock: { nowMs: () => Date.now() },
    monotonicNs: () => Bun.nanoseconds(),
    bootId: "bench",
    caller: { uid: 0, pid: process.pid, command: "bench" },
    hostname: "bench",
    settings: () => settings,
    anchor: (log) => openTpmAnchor({ log, settings, place, note: () => undefined }),
  };
}

function provision(socket: string, dir: string): { readonly counter: number } {
  using tpm = Tpm.open(socket, "socket", 10_000);
  const log = openLogHost(openFiles(dir), contextFor(socket));
  return provisionIndex(tpm, log, { ownerAuth: "", akName: "", ekHash: "", hostname: "bench" });
}
