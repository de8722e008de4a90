import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../sys/clock.ts";
import { SysError } from "../../sys/errors.ts";
import type { Programs } from "../../sys/host.ts";
import { openFiles } from "../../sys/linux/files.ts";
import { createPrograms } from "../../sys/linux/processes.ts";
import { chooseAccelerator, QEMU } from "./choose-accelerator.ts";
import { buildProbeGuest, PROBE_EXIT_CODE } from "./probe-guest.ts";

function scripted(answer: () => { exitCode: number; stderr: string }) {
  let probes = 0;
  const programs: Programs = {
    run: async () => {
      probes += 1;
      return { stdout: "", ...answer() };
    },
  };
  return { programs, probes: () => probes };
}

test("chooseAccelerator() takes KVM only when a guest got through on it, says why not, and asks once", async () => {
  const hang = () => {
    throw new SysError("sys/timeout", "Cannot wait any longer for program", { hint: "x" });
  };
  const cases = [
    [() => ({ exitCode: PROBE_EXIT_CODE, stderr: "" }), "kvm", "ran on /dev/kvm"],
    [() => ({ exitCode: 134, stderr: "failed to set MSR 0x10a" }), "tcg", "failed to set MSR"],
    [hang, "tcg", "hung"],
  ] as const;
  for (const [answer, accelerator, why] of cases) {
    const dir = mkdtempSync(join(tmpdir(), "accel-"));
    mkdirSync(join(dir, "dev"));
    writeFileSync(join(dir, "dev/kvm"), "");
    const { programs, probes } = scripted(answer);
    let nowMs = 1_000_000;
    const tools = {
      programs,
      host: openFiles(dir),
      cache: openFiles(join(dir, "cache")),
      clock: { nowMs: () => nowMs },
    };
    for (const _ of [1, 2]) {
      const choice = await chooseAccelerator(tools);
      expect(choice.accelerator).toBe(accelerator);
      expect(choice.reason).toContain(why);
    }
    expect(probes()).toBe(1);
    for (const [hoursLater, more] of [
      [1, 1],
      [3, 0],
      [1, 1],
    ] as const) {
      const before = probes();
      nowMs += hoursLater * 3_600_000;
      await chooseAccelerator(tools);
      expect(probes() - before).toBe(accelerator === "kvm" ? 0 : more);
    }
    rmSync(dir, { recursive: true });
  }
});

test("chooseAccelerator() needs no probe without a device", async () => {
  const dir = mkdtempSync(join(tmpdir(), "accel-"));
  const { programs, probes } = scripted(() => ({ exitCode: 1, stderr: "" }));
  const choice = await chooseAccelerator({
    programs,
    host: openFiles(dir),
    cache: openFiles(join(dir, "cache")),
    clock: systemClock,
  });
  expect([choice.accelerator, probes()]).toEqual(["tcg", 0]);
  rmSync(dir, { recursive: true });
});

test("the probe's guest gets through on a processor that works: QEMU's own", async () => {
  const dir = mkdtempSync(join(tmpdir(), "accel-"));
  writeFileSync(join(dir, "probe.bin"), buildProbeGuest());
  const exit = ["-device", "isa-debug-exit,iobase=0xf4,iosize=4"];
  const { exitCode } = await createPrograms().run({
    argv: [
      QEMU,
      "-machine",
      "q35",
      "-accel",
      "tcg",
      "-m",
      "32",
      "-nodefaults",
      "-display",
      "none",
      "-bios",
      join(dir, "probe.bin"),
      ...exit,
    ],
    timeoutMs: 60_000,
  });
  expect(exitCode).toBe(PROBE_EXIT_CODE);
  rmSync(dir, { recursive: true });
});
