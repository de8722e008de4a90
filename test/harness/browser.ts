import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A page in a real browser. Ends, with the browser, when disposed. */
export interface Browser extends AsyncDisposable {
  /** Loads an address and waits until it is there. */
  open(url: string): Promise<void>;
  /** Value of an expression in the page; promises are waited for. */
  evaluate<T>(expression: string): Promise<T>;
  /** What the page tried and was not allowed to, and errors of its scripts. */
  readonly complaints: readonly string[];
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly message: string };
}

/** Starts Debian's Chromium without a window, and speaks the DevTools protocol with it. */
export async function startBrowser(): Promise<Browser> {
  const profile = mkdtempSync(join(tmpdir(), "gantry-browser-"));
  const flags = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
  ];
  const child = Bun.spawn(
    ["chromium", ...flags, `--user-data-dir=${profile}`, "--remote-debugging-port=0", "about:blank"],
    {
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe",
      env: { PATH: process.env["PATH"] ?? "", HOME: profile },
    },
  );
  const address = await readAddress(child.stderr);
  const targets = (await (await fetch(`http://${new URL(address).host}/json`)).json()) as {
    type: string;
    webSocketDebuggerUrl: string;
  }[];
  const socket = new WebSocket(targets.find(({ type }) => type === "page")?.webSocketDebuggerUrl ?? "");
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = reject;
  });
  const waiting = new Map<number, (message: Message) => void>();
  const complaints: string[] = [];
  let loaded: (() => void) | undefined;
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(String(data)) as Message;
    if (message.id !== undefined) waiting.get(message.id)?.(message);
    if (message.method === "Page.loadEventFired") loaded?.();
    if (message.method === "Log.entryAdded" || message.method === "Runtime.exceptionThrown")
      complaints.push(JSON.stringify(message.params));
    if (message.method === "Page.javascriptDialogOpening") complaints.push(`dialog: ${JSON.stringify(message.params)}`);
  };
  let last = 0;
  const send = (method: string, params: object = {}) =>
    new Promise<Message>((resolve) => {
      waiting.set(++last, resolve);
      socket.send(JSON.stringify({ id: last, method, params }));
    });
  for (const domain of ["Page", "Runtime", "Log"]) await send(`${domain}.enable`);
  return {
    complaints,
    async open(url) {
      const load = new Promise<void>((resolve) => {
        loaded = resolve;
      });
      await send("Page.navigate", { url });
      await load;
    },
    async evaluate<T>(expression: string) {
      const { result } = await send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
      if (result?.["exceptionDetails"] !== undefined) throw new Error(JSON.stringify(result["exceptionDetails"]));
      return (result?.["result"] as { value: T } | undefined)?.value as T;
    },
    async [Symbol.asyncDispose]() {
      socket.close();
      child.kill("SIGKILL");
      await child.exited;
      for (let tries = 0; tries < 40 && Bun.spawnSync(["pgrep", "-f", profile]).exitCode === 0; tries++) {
        Bun.spawnSync(["pkill", "-KILL", "-f", profile]); // its own helpers, known by the directory that is only theirs
        await Bun.sleep(50);
      }
      rmSync(profile, { recursive: true, force: true });
    },
  };
}

async function readAddress(stderr: ReadableStream<Uint8Array>): Promise<string> {
  let text = "";
  for await (const chunk of stderr) {
    text += new TextDecoder().decode(chunk);
    const address = /DevTools listening on (ws:\S+)/.exec(text)?.[1];
    if (address !== undefined) return address;
  }
  throw new Error(`chromium does not start: ${text}`);
}
