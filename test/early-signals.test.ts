import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { gantryArgv, gantryEnv } from "./harness/gantry.ts";
import { LOOSE, makeTrial, until } from "./harness/stage1-trial.ts";
import { createWorld, type World } from "./harness/world.ts";

// A signal at the moment in which a launcher in the foreground turns into the shell that waits: the apps run already.
// strace holds that moment open.
const TIMEOUT_MS = 120_000;
const EXECVE = process.arch === "arm64" ? 221 : 59;
const HELD_US = 1_000_000;
const APP = "trap 'exit 7' TERM; trap 'exit 8' USR1; echo up; while :; do sleep 0.1; done";

let world: World;

beforeAll(async () => {
  world = await createWorld();
  await makeTrial(world, "oci");
}, TIMEOUT_MS);

afterAll(async () => {
  await world[Symbol.asyncDispose]();
}, TIMEOUT_MS);

/** Whether the process is about to become the shell. */
const isEntering = (pid: number) => readFileSync(`/proc/${pid}/syscall`, "utf8").startsWith(`${EXECVE} `);
/** Whether it is the shell, and has done nothing yet. */
const isShell = (pid: number) => ["sh\n", "dash\n"].includes(readFileSync(`/proc/${pid}/comm`, "utf8"));

for (const [signal, code, moment, delay, isThere] of [
  ["SIGINT", 7, "before", "delay_enter", isEntering],
  ["SIGTERM", 7, "after", "delay_exit", isShell],
  ["SIGUSR1", 8, "after", "delay_exit", isShell],
] as const) {
  test(
    `oci: ${signal} just ${moment} the launcher has become the waiting shell reaches the app`,
    async () => {
      const name = `${signal}-${moment}`.toLowerCase();
      const options = ["--stage1=oci", "--net=none", `--name=${name}`];
      const run = [LOOSE, "-q", "run", ...options, "localhost/app:1", "--exec=sh", "--", "-c", APP];
      // -D: the spawned process is Gantry, not strace.
      const trace = ["-D", "-qq", "-o", "/dev/null", "-e", "trace=execve", "-e"];
      const inject = `inject=execve:${delay}=${HELD_US}`;
      const launcher = Bun.spawn(
        ["strace", ...trace, inject, ...gantryArgv(run, { root: world.root, config: world.config })],
        { env: gantryEnv(), stdin: "ignore", stdout: "ignore", stderr: "inherit" },
      );
      await until(async () => isThere(launcher.pid) && (await isUp(name)));
      launcher.kill(signal);
      expect(await launcher.exited).toBe(code);
      expect(await facts(name)).toMatchObject({ state: "exited", exitCode: code });
    },
    TIMEOUT_MS,
  );
}

const facts = async (name: string) => JSON.parse((await world.succeed(["status", "--json", name])).stdout);

/** Whether the app has said that it handles signals. */
async function isUp(name: string): Promise<boolean> {
  return (await world.gantry(["logs", name])).stdout.includes("up");
}
