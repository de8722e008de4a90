import type { World } from "./world.ts";

/** How another tool ended. */
export interface ToolResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs another tool in the world: HOME is the world's directory, GNUPGHOME the world's own. Any exit code is a result. */
export async function runTool(
  world: World,
  argv: readonly [string, ...string[]],
  env: Readonly<Record<string, string>> = {},
): Promise<ToolResult> {
  const { PATH = "/usr/sbin:/usr/bin:/sbin:/bin" } = process.env;
  const child = Bun.spawn([...argv], {
    cwd: world.dir,
    env: { PATH, HOME: world.dir, LANG: "C.UTF-8", GNUPGHOME: world.gnupgHome, ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, exitCode] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { exitCode, stdout, stderr };
}

/** The same, but any exit code other than 0 rejects with the whole output. */
export async function succeedTool(...input: Parameters<typeof runTool>): Promise<ToolResult> {
  const result = await runTool(...input);
  if (result.exitCode === 0) return result;
  throw new Error(`${input[1].join(" ")} ended with ${result.exitCode}\n${result.stdout}${result.stderr}`);
}
