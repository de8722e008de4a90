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

test("createPrograms() feeds a stream as fast as the program reads, and kills the program when the stream fails", async () => {
  const { run } = createPrograms();
  let given = 0;
  async function* bytes(count: number, failure?: Error): AsyncGenerator<Uint8Array> {
    for (; given < count; given++) yield new Uint8Array(65_536).fill(given);
    if (failure !== undefined) throw failure;
  }
  const summed = await run({ argv: ["sha256sum"], stdin: bytes(100) });
  const all = Buffer.concat(Array.from({ length: 100 }, (_, i) => new Uint8Array(65_536).fill(i)));
  expect(summed.stdout.slice(0, 64)).toBe(new Bun.CryptoHasher("sha256").update(all).digest("hex"));
  given = 0;
  expect((await run({ argv: ["sh", "-c", "head -c 10 > /dev/null; exit 5"], stdin: bytes(10_000) })).exitCode).toBe(5);
  expect(given).toBeLessThan(1000);
  given = 0;
  const failure = new DOMException("the source broke off", "NetworkError");
  expect(await run({ argv: ["cat"], stdin: bytes(3, failure) }).catch((reason: unknown) => reason)).toBe(failure);
});
