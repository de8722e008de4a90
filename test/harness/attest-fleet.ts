import { gantryArgv, gantryEnv } from "./gantry.ts";

/** A serving command of the binary, from its first line until it is disposed. */
export interface Serving extends AsyncDisposable {
  /** The address in its first line, without the slash at the end. */
  readonly url: string;
  readonly pid: number;
  /** Ends it by a signal and waits. */
  stop(signal?: NodeJS.Signals): Promise<number>;
}

/** Starts a command that says in its first line where it listens. */
export async function startServing(
  args: readonly string[],
  { root, config }: { readonly root: string; readonly config: string },
): Promise<Serving> {
  const options = { root, config };
  const child = Bun.spawn(gantryArgv(args, options), {
    env: gantryEnv(options),
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const reader = child.stdout.getReader();
  let text = "";
  while (!text.includes("\n")) {
    const { done, value } = await reader.read();
    if (done) throw new Error(`gantry ${args.join(" ")} ended: ${await new Response(child.stderr).text()}`);
    text += new TextDecoder().decode(value);
  }
  reader.releaseLock();
  const stop = async (signal: NodeJS.Signals = "SIGTERM") => {
    child.kill(signal);
    return child.exited;
  };
  return {
    url: /https?:\/\/\S+/.exec(text)?.[0].replace(/\/$/, "") ?? "",
    pid: child.pid,
    stop,
    async [Symbol.asyncDispose]() {
      await stop("SIGKILL");
    },
  };
}
