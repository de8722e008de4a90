import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SUPERVISOR_SCRIPT } from "./supervisor-script.ts";

/** Runs the script with a machine that is a shell command; it may use $ctl. */
function supervise(status: string, machine: string, apps = 1) {
  const dir = mkdtempSync(join(tmpdir(), "supervise-"));
  const ctl = join(dir, "ctl");
  Bun.spawnSync(["mkfifo", ctl]);
  writeFileSync(join(dir, "status"), status);
  const child = Bun.spawn(
    ["sh", "-c", SUPERVISOR_SCRIPT, "vm", ctl, join(dir, "status"), String(apps), "sh", "-c", machine, "sh", ctl],
    { stdout: "pipe" },
  );
  return { child, end: () => rmSync(dir, { recursive: true }) };
}

test("the supervisor's exit code is that of the first app that failed, 255 when one is missing", async () => {
  const cases = [
    ["exited app 0 success 1\n", 1, 0],
    ["exited app 7 exit-code 1\n", 1, 7],
    ["exited a 0 success 1\nexited b 143 signal 1\nexited c 9 exit-code 1\n", 3, 143],
    ["", 1, 255],
    ["exited a 0 success 1\n", 2, 255],
    ["exited a 256 x 1\nexited b $(reboot) x 1\n", 2, 0],
    [`${"y".repeat(100_000)}\nexited a 5 x 1\n`, 1, 255],
  ] as const;
  for (const [status, apps, code] of cases) {
    const run = supervise(status, "exit 0", apps);
    expect(`${status.slice(0, 60)}: ${await run.child.exited}`).toBe(`${status.slice(0, 60)}: ${code}`);
    run.end();
  }
});

test("the supervisor turns the first SIGTERM into a request and the second into an end", async () => {
  const asked = supervise("exited app 143 signal 1\n", 'exec 3<> "$1"; echo up; read -r line <&3; [ "$line" = stop ]');
  await asked.child.stdout.getReader().read();
  asked.child.kill("SIGTERM");
  expect(await asked.child.exited).toBe(143);
  asked.end();
  const deaf = supervise("", "trap '' TERM; echo up; exec sleep 60");
  const reader = deaf.child.stdout.getReader();
  await reader.read();
  // Both may be delivered as one when they come together: ask until it has ended.
  const timer = setInterval(() => deaf.child.kill("SIGTERM"), 50);
  expect(await deaf.child.exited).toBe(255);
  clearInterval(timer);
  deaf.end();
});
