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

/** Stands between verifier and agent, and does to the traffic what an attacker would. */
export interface Meddler extends AsyncDisposable {
  readonly url: string;
  /** Where requests go. */
  target: string;
  /** Gets each answer's bytes, and may give others; undefined: nothing is ever answered. */
  meddle: ((path: string, answer: Response) => Promise<Response> | Response | undefined) | undefined;
}

/** Starts one that passes everything through at first. */
export function startMeddler(target: string): Meddler {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    async fetch(request) {
      const { pathname } = new URL(request.url);
      const body = request.method === "POST" ? { method: "POST", body: await request.text() } : {};
      const answer = await fetch(`${meddler.target}${pathname}`, body).catch(() => new Response("", { status: 502 }));
      const changed = meddler.meddle === undefined ? answer : await meddler.meddle(pathname, answer);
      return changed ?? new Promise<Response>(() => {});
    },
  });
  const meddler: Meddler = {
    url: `http://127.0.0.1:${server.port}`,
    target,
    meddle: undefined,
    [Symbol.asyncDispose]: () => server.stop(true),
  };
  return meddler;
}

/** A message as a webhook receiver got it. */
export interface Received {
  readonly id: string;
  readonly event: string;
  readonly node: string;
  readonly problems: readonly { readonly kind: string }[];
  readonly signature: string;
  readonly body: string;
}

/** A receiver of webhooks; it refuses the first `failures` of them. */
export function startReceiver(
  failures: number,
): AsyncDisposable & { readonly url: string; readonly received: Received[] } {
  const received: Received[] = [];
  let left = failures;
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      if (left-- > 0) return new Response("not now", { status: 503 });
      const body = await request.text();
      const signature = request.headers.get("gantry-signature") ?? "";
      received.push({ ...(JSON.parse(body) as Received), signature, body });
      return new Response(null, { status: 204 });
    },
  });
  return { url: `http://127.0.0.1:${server.port}/hook`, received, [Symbol.asyncDispose]: () => server.stop(true) };
}
