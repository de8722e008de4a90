import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { renderWaitScript } from "./scripts.ts";

const dir = mkdtempSync(join(tmpdir(), "gantry-wait-"));
afterAll(() => rmSync(dir, { recursive: true }));

/** Runs the script that waits for a pod whose lock is held until the file `calls` is there, or for a moment; what it called. */
async function wait(argument: string, signal?: NodeJS.Signals): Promise<string> {
  const pod = mkdtempSync(join(dir, "pod-"));
  const calls = join(pod, "calls");
  writeFileSync(join(pod, "code"), "3\n");
  const tell = (word: string) => ["sh", "-c", `echo ${word} "$@" >> ${calls}`, "sh"];
  const script = renderWaitScript(pod, { exitFiles: [join(pod, "code")], stop: tell("stop"), pass: tell("pass") });
  writeFileSync(join(pod, "wait"), script);
  const hold = `tries=0; echo held; while [ ! -e ${calls} ] && [ $tries -lt 20 ]; do sleep 0.05; tries=$((tries + 1)); done; sleep 0.05`;
  const holder = Bun.spawn(["flock", pod, "sh", "-c", hold], { stdout: "pipe" });
  await holder.stdout.getReader().read();
  const waiter = Bun.spawn(["sh", join(pod, "wait"), argument]);
  if (signal !== undefined) {
    while (!readFileSync(`/proc/${waiter.pid}/status`, "utf8").includes("SigCgt:\t0000000000016a03"))
      await Bun.sleep(5);
    waiter.kill(signal);
  }
  expect(await waiter.exited).toBe(3);
  await holder.exited;
  return await Bun.file(calls)
    .text()
    .catch(() => "");
}

test("renderWaitScript() passes on what came before it began, and what comes then", async () => {
  expect(await wait("")).toBe("");
  for (const number of [1, 2, 15]) expect(await wait(String(number))).toBe("stop\n");
  expect([await wait("10"), await wait("12")]).toEqual(["pass USR1\n", "pass USR2\n"]);
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP", "SIGALRM"] as const)
    expect([signal, await wait("", signal)]).toEqual([signal, "stop\n"]);
  expect([await wait("", "SIGUSR1"), await wait("", "SIGUSR2")]).toEqual(["pass USR1\n", "pass USR2\n"]);
});
