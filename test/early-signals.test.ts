import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { gantryArgv, gantryEnv } from "./harness/gantry.ts";
import { LOOSE, makeTrial, until } from "./harness/stage1-trial.ts";
import { createWorld, type World } from "./harness/world.ts";

// A signal at the moment in which a launcher in the foreground turns into another program: a shell that waits for apps
// which run already, or the supervisor that is going to start them.
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

/** `run` under strace, which holds it for a second at execve(2), before or after. */
function spawnHeld(regime: string, name: string, delay: "delay_enter" | "delay_exit") {
  const options = [`--stage1=${regime}`, "--net=none", `--name=${name}`];
  const run = [LOOSE, "-q", "run", ...options, "localhost/app:1", "--exec=sh", "--", "-c", APP];
  // -D: the spawned process is Gantry, not strace.
  const trace = ["-D", "-qq", "-o", "/dev/null", "-e", "trace=execve", "-e", `inject=execve:${delay}=${HELD_US}`];
  return Bun.spawn(["strace", ...trace, ...gantryArgv(run, { root: world.root, config: world.config })], {
    env: gantryEnv(),
    stdin: "ignore",
    stdout: "ignore",
    stderr: "inherit",
  });
}

for (const [signal, code, moment, delay, isThere] of [
  ["SIGINT", 7, "before", "delay_enter", isEntering],
  ["SIGTERM", 7, "after", "delay_exit", isShell],
  ["SIGUSR1", 8, "after", "delay_exit", isShell],
] as const) {
  test(
    `oci: ${signal} just ${moment} the launcher has become the waiting shell reaches the app`,
    async () => {
      const name = `${signal}-${moment}`.toLowerCase();
      const launcher = spawnHeld("oci", name, delay);
      await until(async () => isThere(launcher.pid) && (await isUp(name)));
      launcher.kill(signal);
      expect(await launcher.exited).toBe(code);
      expect(await facts(name)).toMatchObject({ state: "exited", exitCode: code });
    },
    TIMEOUT_MS,
  );
}

for (const regime of ["systemd", "fly"]) {
  test(
    `${regime}: SIGTERM just before the launcher becomes the supervisor ends it, and no app starts`,
    async () => {
      const launcher = spawnHeld(regime, `early-${regime}`, "delay_enter");
      const isStarted = async () =>
        (await world.gantry(["status", "--json", `early-${regime}`])).stdout.includes("startedAt");
      await until(async () => isEntering(launcher.pid) && (await isStarted()));
      launcher.kill("SIGTERM");
      expect(await launcher.exited).toBe(143);
      expect((await facts(`early-${regime}`)).state).toBe("exited");
      expect((await world.succeed(["logs", `early-${regime}`])).stdout).toBe("");
    },
    TIMEOUT_MS,
  );
}

const facts = async (name: string) => JSON.parse((await world.succeed(["status", "--json", name])).stdout);

/** Whether the app has said that it handles signals. */
async function isUp(name: string): Promise<boolean> {
  return (await world.gantry(["logs", name])).stdout.includes("up");
}
