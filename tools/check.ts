// The gate: `bun run ok`. Types, lint and format, layers, sizes, documentation. Everything runs; any failure fails.
const root = new URL("..", import.meta.url).pathname;
const bin = `${root}node_modules/.bin`;

interface Step {
  readonly name: string;
  readonly argv: readonly string[];
}

const STEPS: readonly Step[] = [
  { name: "types", argv: [`${bin}/tsc`, "--noEmit", "-p", root] },
  { name: "lint", argv: [`${bin}/biome`, "ci", "--colors=off", "--max-diagnostics=50", "--error-on-warnings", "."] },
  { name: "layers", argv: [process.execPath, "tools/layers.ts"] },
  { name: "sizes", argv: [process.execPath, "tools/sizes.ts"] },
  { name: "docs", argv: [process.execPath, "tools/check-docs.ts"] },
  { name: "cli-docs", argv: [process.execPath, "tools/gen-cli-docs.ts", "--check"] },
];

/** Lint prints whole diffs: the first screens are enough to act on. */
const MAX_LINES = 120;

function shorten(output: string): string {
  const lines = output.split("\n");
  if (lines.length <= MAX_LINES) return output;
  return [...lines.slice(0, MAX_LINES), `… ${lines.length - MAX_LINES} more lines`].join("\n");
}

let failed = 0;
for (const step of STEPS) {
  const script = step.argv[1] ?? "";
  if (script.startsWith("tools/") && !(await Bun.file(`${root}${script}`).exists())) continue;
  const done = Bun.spawnSync([...step.argv], {
    cwd: root,
    stdout: "pipe",
    stderr: "pipe",
    env: { ...process.env, NO_COLOR: "1" },
  });
  const output = `${done.stdout}${done.stderr}`.trim();
  if (done.success) {
    console.log(`ok    ${step.name}`);
  } else {
    failed++;
    console.log(`FAIL  ${step.name}\n${shorten(output).replace(/^/gm, "      ")}`);
  }
}
process.exitCode = failed === 0 ? 0 : 1;
