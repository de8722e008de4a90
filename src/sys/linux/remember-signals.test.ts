import { expect, test } from "bun:test";

const HERE = import.meta.dir;
const [SIGINT, SIGTERM] = [2, 15];

function outputOf(script: string): string {
  const source = `import { execveAsIs, restoreSignals } from "${HERE}/process-calls.ts";
    import { catchSignals } from "${HERE}/remember-signals.ts";
    process.on("SIGTERM", () => console.log("told"));
    ${script}`;
  return Bun.spawnSync([process.execPath, "-e", source]).stdout.toString();
}

test("catchSignals() keeps a signal in place of JavaScript's handler, once", () => {
  const script = `const signals = catchSignals();
    signals.remember([${SIGINT}, ${SIGTERM}]);
    console.log(signals.take());
    for (const signal of [${SIGTERM}, ${SIGINT}]) {
      process.kill(process.pid, signal);
      console.log(signals.take(), signals.take());
    }`;
  expect(outputOf(script)).toBe("undefined\n15 undefined\n2 undefined\n");
});

test("catchSignals() makes what came last SIGALRM of the next program", () => {
  const script = `catchSignals().remember([${SIGINT}]);
    process.kill(process.pid, ${SIGINT});
    restoreSignals();
    execveAsIs("/bin/sh", ["sh", "-c", "trap 'echo woken; exit' ALRM; sleep 9 > /dev/null 2>&1 & wait"], {});`;
  expect(outputOf(script)).toBe("woken\n");
});

test("execveAsIs() starts a program with the signals blocked, which it then finds waiting", () => {
  const script = `restoreSignals([${SIGINT}, ${SIGTERM}]);
    execveAsIs("/bin/grep", ["grep", "SigBlk", "/proc/self/status"], {});`;
  expect(outputOf(script)).toBe("SigBlk:\t0000000000004002\n");
});
