import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A TPM 2.0 in software (swtpm), on a unix socket, with its state in a directory of its own. */
export interface SoftwareTpm extends AsyncDisposable {
  /** Socket that takes TPM commands; what `GANTRY_TPM` names. */
  readonly socket: string;
  /** The same for tpm2-tools. */
  readonly tcti: string;
  /** Its persistent memory. */
  readonly stateDir: string;
  readonly pid: number;
  /** Ends it as a shutdown of the machine does, and starts it again. */
  reboot(): Promise<void>;
  /** Ends it; `start` brings it back. */
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Runs one of tpm2-tools on it. */
  tool(name: string, ...args: readonly string[]): string;
}

const MAX_WAIT_MS = 10_000;

/** Starts a new TPM. It ends when disposed. */
export async function startSoftwareTpm(): Promise<SoftwareTpm> {
  const dir = mkdtempSync(join(tmpdir(), "gantry-tpm-"));
  const stateDir = join(dir, "state");
  mkdirSync(stateDir);
  const socket = join(dir, "sock");
  const tcti = `swtpm:path=${socket}`;
  let child: ReturnType<typeof spawnTpm> | undefined;
  const start = async () => {
    child = spawnTpm(stateDir, socket);
    await waitFor(() => isListening(socket) && isListening(`${socket}.ctrl`));
  };
  const stop = async () => {
    child?.kill("SIGTERM");
    await child?.exited;
    child = undefined;
    rmSync(socket, { force: true });
    rmSync(`${socket}.ctrl`, { force: true });
  };
  const tool = (name: string, ...args: readonly string[]): string => {
    const result = Bun.spawnSync([name, ...args, "-T", tcti], { cwd: dir, stdout: "pipe", stderr: "pipe" });
    if (result.exitCode === 0) return result.stdout.toString();
    throw new Error(`${name} ${args.join(" ")} ended with ${result.exitCode}\n${result.stderr.toString()}`);
  };
  await start();
  return {
    socket,
    tcti,
    stateDir,
    get pid() {
      return child?.pid ?? 0;
    },
    start,
    stop,
    tool,
    async reboot() {
      tool("tpm2_shutdown");
      await stop();
      await start();
    },
    async [Symbol.asyncDispose]() {
      await stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function spawnTpm(stateDir: string, socket: string) {
  const channels = ["--server", `type=unixio,path=${socket}`, "--ctrl", `type=unixio,path=${socket}.ctrl`];
  const state = ["--tpm2", "--tpmstate", `dir=${stateDir}`, "--flags", "not-need-init,startup-clear"];
  return Bun.spawn(["swtpm", "socket", ...state, ...channels], { stdin: "ignore", stdout: "ignore", stderr: "ignore" });
}

/** A socket's file is there a moment before anybody takes connections: the kernel marks those that are taken (`__SO_ACCEPTCON`). */
export function isListening(path: string): boolean {
  const table = readFileSync("/proc/net/unix", "utf8").split("\n");
  return table.some((line) => line.endsWith(` ${path}`) && line.split(/\s+/)[3] === "00010000");
}

async function waitFor(isThere: () => boolean): Promise<void> {
  for (let waitedMs = 0; !isThere(); waitedMs += 10) {
    if (waitedMs > MAX_WAIT_MS) throw new Error("swtpm does not start");
    await Bun.sleep(10);
  }
}
