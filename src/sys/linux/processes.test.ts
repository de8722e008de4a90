import { expect, test } from "bun:test";
import type { EngineError } from "../../base/errors.ts";
import { ProcessHandle } from "./process-handle.ts";
import { isProcessAlive, readProcStat } from "./process-stat.ts";
import { createPrograms } from "./processes.ts";

const programs = createPrograms();
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => "nothing thrown",
    (reason: EngineError) => reason.code,
  );

test("createPrograms() hands back output, exit code and signal", async () => {
  const result = await programs.run({ argv: ["sh", "-c", "cat; echo err >&2; exit 3"], stdin: "in" });
  expect(result).toEqual({ exitCode: 3, stdout: "in", stderr: "err\n" });
  expect((await programs.run({ argv: ["sh", "-c", "kill -9 $$"] })).exitCode).toBe(137);
});

test("createPrograms() names what went wrong by code", async () => {
  expect(await codeOf(programs.run({ argv: ["no-such-program"] }))).toBe("sys/program-missing");
  expect(await codeOf(programs.run({ argv: ["/no/such/program"] }))).toBe("sys/program-missing");
  expect(await codeOf(programs.run({ argv: ["sh", "-c", "sleep 60 | cat"], timeoutMs: 50 }))).toBe("sys/timeout");
  expect(await codeOf(programs.run({ argv: ["sh", "-c", "yes"], limitBytes: 100 }))).toBe("sys/too-large");
});

test("createPrograms() passes descriptors and only the given environment", async () => {
  const result = await programs.run({ argv: ["/usr/bin/env"], env: { A: "1" } });
  expect(result.stdout).toBe("A=1\n");
});

test("ProcessHandle sees the end of a process and signals only the right one", async () => {
  const child = Bun.spawn(["sleep", "60"]);
  const ticks = readProcStat(child.pid)?.startTicks ?? 0;
  expect(ProcessHandle.open(child.pid, ticks + 1)).toBeUndefined();
  using handle = ProcessHandle.open(child.pid, ticks);
  expect(handle?.isAlive()).toBe(true);
  expect(isProcessAlive(child.pid, ticks)).toBe(true);
  expect(handle?.signal(9)).toBe(true);
  expect(await handle?.waitForEnd(10_000)).toBe(true);
  await child.exited;
  expect(isProcessAlive(child.pid, ticks)).toBe(false);
});
