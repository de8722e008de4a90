import { expect, test } from "bun:test";

const MAIN = new URL("../main.ts", import.meta.url).pathname;

function gantry(...argv: string[]) {
  const run = Bun.spawnSync([process.execPath, MAIN, ...argv], { stdin: "ignore" });
  return { exitCode: run.exitCode, stdout: run.stdout.toString(), stderr: run.stderr.toString() };
}

test("main prints its version on stdout", () => {
  for (const argv of [["version"], ["--version"]]) {
    const { exitCode, stdout, stderr } = gantry(...argv);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout).toStartWith("gantry ");
  }
});

test("main prints its version as JSON", () => {
  expect(Object.keys(JSON.parse(gantry("version", "--json").stdout))).toEqual(["version", "commit"]);
});

test("main shows help on stdout and succeeds", () => {
  for (const argv of [["--help"], ["help", "run"], ["run", "--help"], ["trust", "add", "-h"], ["image", "--help"]]) {
    const { exitCode, stdout, stderr } = gantry(...argv);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout).toContain("Usage: gantry");
  }
});

test("main exits 2 for an unknown command and guesses the one meant", () => {
  const { exitCode, stdout, stderr } = gantry("lits");
  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
  expect(stderr).toContain("gantry list?");
});

test("main exits 2 for an abbreviated command", () => {
  expect(gantry("stat").exitCode).toBe(2);
});

test("main exits 2 for an unknown flag, also as JSON", () => {
  expect(gantry("list", "--jsno").stderr).toContain("--json?");
  const { exitCode, stderr } = gantry("list", "--stat", "--json");
  expect(exitCode).toBe(2);
  expect(JSON.parse(stderr).error).toMatchObject({ code: "cli/usage", exitCode: 2 });
});

test("main exits 254 for a failure of its own in run and exec", () => {
  expect(gantry("run").exitCode).toBe(254);
  expect(gantry("exec").exitCode).toBe(254);
  expect(gantry("prepare").exitCode).toBe(2);
});
