import type { AttachInput } from "../../pod/stage1-contract.ts";
import { SysError } from "../../sys/errors.ts";
import type { Files } from "../../sys/host.ts";
import { AT_FDCWD, O_CLOEXEC, O_NONBLOCK, O_WRONLY } from "../../sys/linux/constants.ts";
import { openat2, read, write } from "../../sys/linux/fs-calls.ts";
import { OwnedFd } from "../../sys/linux/owned-fd.ts";
import { pollAny } from "../../sys/linux/process-calls.ts";
import { isatty, windowSize } from "../../sys/linux/terminal-calls.ts";
import { connectUnix } from "../../sys/linux/unix-sockets.ts";
import { enterRawMode } from "../../sys/terminal.ts";
import { DetachKeys } from "../detach-keys.ts";
import { readAppExit } from "./observe.ts";

/** First byte of what conmon sends. Spec: conmon, src/utils.h "stdpipe_t" */
const STDERR_PIPE = 3;
/** Larger than what conmon sends at once. Spec: conmon, src/config.h "CONN_SOCK_BUF_SIZE" */
const PACKET_BYTES = 64 * 1024;
const INPUT_BYTES = 8 * 1024;
/** How long a look at anything but the streams may wait. */
const TURN_MS = 100;
const SETTLE_MS = 5_000;
/** Far less than a program of ours takes to start. */
const POLL_MS = 2;

/**
 * Joins the caller's terminal or streams to an app through conmon's socket, until the app ends or the caller leaves with
 * ctrl-p ctrl-q. Undefined: the app's output belongs to another terminal, and there is no socket.
 */
export async function attachToOciApp(
  pod: Files,
  input: AttachInput & { readonly onJoined?: () => Promise<void> },
): Promise<number | undefined> {
  const { app } = input;
  const bundle = `apps/${app.name}/bundle`;
  if (!pod.has(`${bundle}/attach`)) return undefined;
  using socket = new OwnedFd(connectUnix(pod.path(bundle), "attach", "packets"));
  const hasTerminal = hasOwnTerminal(pod, app.name) && isatty(0) && isatty(1);
  using _raw = hasTerminal && input.stdin ? enterRawMode(0) : undefined;
  await input.onJoined?.();
  const isLeft = await carry(socket.fd, {
    stdin: input.stdin,
    ...(input.signal === undefined ? {} : { signal: input.signal }),
    keys: hasTerminal,
    onTurn: hasTerminal ? resizer(pod, bundle) : () => {},
  });
  return isLeft ? 0 : await exitCodeOf(pod, input);
}

interface Carrying {
  readonly stdin: boolean;
  readonly signal?: AbortSignal;
  /** Ctrl-p ctrl-q leaves. */
  readonly keys: boolean;
  onTurn(): void;
}

/** Carries both directions until conmon closes the socket; returns whether the caller left before. */
async function carry(socketFd: number, { stdin, signal, keys, onTurn }: Carrying): Promise<boolean> {
  const packet = new Uint8Array(PACKET_BYTES);
  const typed = new Uint8Array(INPUT_BYTES);
  let fds = stdin ? [socketFd, 0] : [socketFd];
  const detachKeys = new DetachKeys();
  while (signal?.aborted !== true) {
    onTurn();
    const ready = pollAny(fds, TURN_MS);
    if (ready.includes(socketFd)) {
      const length = read(socketFd, packet);
      if (length === 0) return false;
      write(packet[0] === STDERR_PIPE ? 2 : 1, packet.subarray(1, length));
    }
    if (ready.includes(0)) {
      const length = read(0, typed);
      if (length === 0) fds = [socketFd];
      const bytes = typed.subarray(0, length);
      const { pass, isLeft } = keys ? detachKeys.take(bytes) : { pass: bytes, isLeft: false };
      if (isLeft) return true;
      if (pass.byteLength > 0) write(socketFd, pass);
    }
    await Bun.sleep(0); // signals are told between turns
  }
  return true;
}

/** Tells conmon of this terminal's size whenever it has changed. Spec: conmon, src/ctrl.c: "1 ROWS COLUMNS" */
function resizer(pod: Files, bundle: string): () => void {
  let last = "";
  return () => {
    const size = windowSize(1);
    const line = size === undefined ? last : `1 ${size.rows} ${size.columns}\n`;
    if (line === last) return;
    last = line;
    try {
      const flags = O_WRONLY | O_NONBLOCK | O_CLOEXEC;
      using control = new OwnedFd(openat2(AT_FDCWD, pod.path(`${bundle}/ctl`), { flags }));
      write(control.fd, new TextEncoder().encode(line));
    } catch (reason) {
      if (!(reason instanceof SysError)) throw reason; // conmon has ended: the socket will tell
    }
  };
}

function hasOwnTerminal(pod: Files, app: string): boolean {
  const spec = JSON.parse(pod.readText(`apps/${app}/bundle/config.json`, 8 * 1024 * 1024)) as {
    readonly process?: { readonly terminal?: boolean };
  };
  return spec.process?.terminal === true;
}

/** The exit command records the code a moment after the socket closes, and a pod that is not kept goes a moment later. */
async function exitCodeOf(pod: Files, { app }: AttachInput): Promise<number> {
  for (let waitedMs = 0; waitedMs < SETTLE_MS; waitedMs += POLL_MS) {
    const exit = readAppExit(pod, app.name);
    if (exit !== undefined) return exit.exitCode;
    await Bun.sleep(POLL_MS);
  }
  return 0;
}
