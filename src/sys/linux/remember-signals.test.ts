import { expect, test } from "bun:test";

const HERE = import.meta.dir;
const [SIGINT, SIGTERM, SIGUSR1] = [2, 15, 10];

function outputOf(script: string): string {
  const source = `import { execveHolding } from "${HERE}/process-calls.ts";
    import { catchSignals } from "${HERE}/remember-signals.ts";
    process.on("SIGTERM", () => console.log("told"));
    ${script}`;
  return Bun.spawnSync([process.execPath, "-e", source]).stdout.toString();
}

test("catchSignals() keeps a signal in place of JavaScript's handler, once", () => {
  const script = `const signals = catchSignals();
    signals.remember([${SIGINT}, ${SIGTERM}]);
    signals.drop([${SIGUSR1}]);
    console.log(signals.take());
    process.kill(process.pid, ${SIGUSR1});
    console.log(signals.take());
    for (const signal of [${SIGTERM}, ${SIGINT}]) {
      process.kill(process.pid, signal);
      console.log(signals.take(), signals.take());
    }`;
  expect(outputOf(script)).toBe("undefined\nundefined\n15 undefined\n2 undefined\n");
});

test("catchSignals() makes what came last SIGALRM of the next program", () => {
  const script = `catchSignals().remember([${SIGINT}]);
    process.kill(process.pid, ${SIGINT});
    execveHolding([], { path: "/bin/sh", argv: ["sh", "-c", "trap 'echo woken; exit' ALRM; sleep 9 > /dev/null 2>&1 & wait"], env: {} });`;
  expect(outputOf(script)).toBe("woken\n");
});

test("execveHolding() starts a program with the signals blocked, which it then finds waiting", () => {
  const script = `execveHolding([${SIGINT}, ${SIGTERM}], {
      path: "/bin/grep", argv: ["grep", "SigBlk", "/proc/self/status"], env: {} });`;
  expect(outputOf(script)).toBe("SigBlk:\t0000000000004002\n");
});
