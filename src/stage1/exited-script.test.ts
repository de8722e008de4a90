import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { renderExitedScript } from "./exited-script.ts";

/** Runs the script as the pod's systemd does, on a directory of the test's own; what it wrote and asked systemctl for. */
function exited(dir: string, app: string, end: { readonly code: string; readonly status: string }) {
  const script = renderExitedScript().replaceAll("/gantry/", `${dir}/`);
  writeFileSync(join(dir, "exited"), script);
  writeFileSync(join(dir, "systemctl"), `#!/bin/sh\necho "$@" >> ${dir}/asked\n`, { mode: 0o755 });
  const env = { PATH: `${dir}:/usr/bin:/bin`, EXIT_CODE: end.code, EXIT_STATUS: end.status, SERVICE_RESULT: "r" };
  expect(Bun.spawnSync(["sh", join(dir, "exited"), app], { env }).exitCode).toBe(0);
  return readFileSync(join(dir, "status", app), "utf8");
}

function inDirectory(work: (dir: string) => void): void {
  const dir = mkdtempSync(join(tmpdir(), "gantry-exited-"));
  try {
    mkdirSync(join(dir, "status"));
    work(dir);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

test("renderExitedScript() records codes and signals, and ends the pod with the first failure", () => {
  inDirectory((dir) => {
    expect(exited(dir, "fine", { code: "exited", status: "0" })).toBe("exitCode=0 result=r how=exited\n");
    expect(exited(dir, "killed", { code: "killed", status: "KILL" })).toBe("exitCode=137 result=r how=killed\n");
    expect(exited(dir, "late", { code: "exited", status: "9" })).toBe("exitCode=9 result=r how=exited\n");
    expect(readFileSync(join(dir, "exit-code"), "utf8")).toBe("137\n");
    expect(readFileSync(join(dir, "asked"), "utf8")).toBe("--no-ask-password --no-block exit 137\n");
  });
});

test("renderExitedScript() knows the number of every signal that ends a process", () => {
  inDirectory((dir) => {
    for (const [name, number] of Object.entries(constants.signals)) {
      if (/SIG(?:CHLD|CONT|STOP|TSTP|TTIN|TTOU|URG|WINCH|IOT|UNUSED)$/.test(name)) continue;
      const text = exited(dir, "app", { code: "dumped", status: name.slice(3) });
      expect([name, text]).toEqual([name, `exitCode=${128 + number} result=r how=dumped\n`]);
    }
    expect(exited(dir, "app", { code: "killed", status: "RTMIN+5" })).toContain("exitCode=255 ");
  });
});
