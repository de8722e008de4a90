import { readFileSync } from "node:fs";

const DOCUMENT = new URL("../../docs/audit-verify.md", import.meta.url).pathname;

/** The procedure for strangers: every block of shell in the document, in order, as it stands. */
function procedure(): string {
  return [...readFileSync(DOCUMENT, "utf8").matchAll(/```sh\n(.*?)```/gs)].map(([, block]) => block).join("\n");
}

/** Checks the package in `quote` by `identity.json` beside it, without anything of Gantry. */
export function runStrangersProcedure(
  dir: string,
  nonce: string,
): { readonly exitCode: number; readonly output: string } {
  const result = Bun.spawnSync(["bash", "-c", procedure()], {
    cwd: dir,
    env: { PATH: process.env["PATH"] ?? "", NONCE: nonce, LC_ALL: "C.UTF-8" },
    stdout: "pipe",
    stderr: "pipe",
  });
  return { exitCode: result.exitCode, output: `${result.stdout.toString()}${result.stderr.toString()}` };
}
