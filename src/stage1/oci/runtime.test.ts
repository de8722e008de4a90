import { afterAll, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SysError } from "../../sys/errors.ts";
import type { Programs } from "../../sys/host.ts";
import { openFiles } from "../../sys/linux/files.ts";
import { chooseRuntime, type OciFlavor, probeFlavor } from "./runtime.ts";

const dir = mkdtempSync(join(tmpdir(), "gantry-runtime-"));
afterAll(() => rmSync(dir, { recursive: true }));

const runtime = (name: string) => ({ name, path: name, args: [], cgroups: "managed" as const, isSandbox: false });
const FLAVOR: OciFlavor = {
  regime: "oci",
  candidates: () => [runtime("quick"), runtime("slow")],
  install: "apt-get install quick",
};

/** A host on which a runtime works, fails or hangs as `states` say at the moment. */
function makeHost(states: Record<string, "works" | "fails" | "hangs">) {
  const calls: string[] = [];
  const clock = { now: 1_000_000, nowMs: () => clock.now };
  const root = mkdtempSync(join(dir, "host-"));
  mkdirSync(join(root, "bin"));
  mkdirSync(join(root, "proc/sys/kernel"), { recursive: true });
  writeFileSync(join(root, "proc/sys/kernel/osrelease"), "6.1\n");
  for (const name of Object.keys(states)) {
    writeFileSync(join(root, "bin", name), "");
    chmodSync(join(root, "bin", name), 0o755);
  }
  const programs: Programs = {
    run: async ({ argv }) => {
      const name = argv[0].split("/").at(-1) ?? "";
      calls.push(name);
      if (states[name] === "hangs") throw new SysError("sys/timeout", "Cannot wait any longer", { hint: "x" });
      return { exitCode: states[name] === "works" ? 0 : 1, stdout: "", stderr: "no luck" };
    },
  };
  const host = { host: openFiles(root), cache: openFiles(join(root, "cache")), programs, clock, env: {} };
  const probe = async (laterMs: number) => {
    clock.now += laterMs;
    calls.length = 0;
    await probeFlavor(FLAVOR, host);
    return [...new Set(calls)];
  };
  return { host, probe };
}

test("probeFlavor() asks what works once, and what failed again after a while, ever more seldom", async () => {
  const states: Record<string, "works" | "fails"> = { quick: "fails", slow: "works" };
  const { host, probe } = makeHost(states);
  expect(await probe(0)).toEqual(["quick", "slow"]);
  expect(await probe(29_000)).toEqual([]);
  expect(await probe(1_000)).toEqual(["quick"]);
  expect(await probe(30_000)).toEqual([]);
  states["quick"] = "works";
  expect(await probe(90_000)).toEqual(["quick"]);
  expect(await probe(1e9)).toEqual([]);
  expect((await probeFlavor(FLAVOR, host))?.map((one) => one.tookMs !== undefined)).toEqual([true, true]);
});

test("probeFlavor() soon tries again when all hung, and late when only one did", async () => {
  const { host, probe } = makeHost({ quick: "hangs", slow: "hangs" });
  expect(await probe(0)).toEqual(["quick", "slow"]);
  expect(await probe(10_000)).toEqual([]);
  await expect(chooseRuntime(FLAVOR, host)).rejects.toThrowCode("stage1/unsupported-host");
  expect(await probe(20_000)).toEqual(["quick", "slow"]);
  const other = makeHost({ quick: "hangs", slow: "works" });
  expect(await other.probe(0)).toEqual(["quick", "slow"]);
  expect(await other.probe(3_599_000)).toEqual([]);
  expect(await other.probe(1_000)).toEqual(["quick"]);
});
