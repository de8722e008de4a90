import type { PodManifest } from "../../pod/manifest.ts";
import type { AttachInput } from "../../pod/stage1-contract.ts";
import type { Files } from "../../sys/host.ts";
import { AT_FDCWD, O_CLOEXEC, O_NONBLOCK, O_RDONLY, O_WRONLY } from "../../sys/linux/constants.ts";
import { fstat, openat2, pread, read, write } from "../../sys/linux/fs-calls.ts";
import { hasErrno } from "../../sys/linux/libc.ts";
import { OwnedFd } from "../../sys/linux/owned-fd.ts";
import { pidfdOpen, pollAny } from "../../sys/linux/process-calls.ts";
import { isatty, windowSize } from "../../sys/linux/terminal-calls.ts";
import { FileWatch } from "../../sys/linux/watch-files.ts";
import { enterRawMode } from "../../sys/terminal.ts";
import { DetachKeys } from "../detach-keys.ts";
import { findSupervisor } from "../supervisor.ts";
import { readAppExit, readGuestStatus } from "./observe.ts";
import { INPUT_FIFO, STATUS_FILE, TERMINAL_FIFO } from "./ports.ts";
import { sendRequest } from "./send-request.ts";
import { killKvmPod, stopKvmPod } from "./stop.ts";

const COPY_BYTES = 64 * 1024;
/** What a FIFO takes whole or not at all. Spec: pipe(7), PIPE_BUF */
const PIECE_BYTES = 4096;
/** How long a look at anything but the streams may wait. */
const TURN_MS = 100;
/** The same while the guest has no room for input. */
const FULL_MS = 20;
const STOP_LIMIT_MS = 10_000;

/**
 * Joins the caller to the only app of a guest: what it writes is followed in its log, input goes through a FIFO, and a
 * terminal's size through the control port. Until the pod ends, or the caller leaves with ctrl-p ctrl-q. Undefined: the
 * app has neither a terminal nor an input that was kept open.
 */
export async function attachToGuestApp(
  pod: Files,
  input: AttachInput & { readonly fromStart?: boolean },
): Promise<number | undefined> {
  const { app } = input;
  const hasTerminal = pod.has(TERMINAL_FIFO);
  if (!hasTerminal && !pod.has(INPUT_FIFO)) return undefined;
  const isTerminal = hasTerminal && isatty(0) && isatty(1);
  using carrier = new Carrier(pod, {
    fifo: hasTerminal ? TERMINAL_FIFO : INPUT_FIFO,
    logs: (["stdout", "stderr"] as const).slice(0, hasTerminal ? 1 : 2).map((name) => `logs/${app.name}/${name}`),
    fromStart: input.fromStart === true,
    stdin: input.stdin,
    ...(input.signal === undefined ? {} : { signal: input.signal }),
    hasStarted: () => readGuestStatus(pod).started.has(app.name),
    isTerminal,
  });
  if (await carrier.carry()) return 0;
  return readAppExit(pod, app.name)?.exitCode ?? 255;
}

/** What a launcher on a terminal does: shows everything from the beginning. The pod ends with the terminal. */
export async function carryTerminal(pod: Files, manifest: PodManifest, signal?: AbortSignal): Promise<number> {
  const [app] = manifest.apps;
  if (app === undefined) return 1;
  const gone = new AbortController();
  process.once("SIGHUP", () => gone.abort());
  const either = AbortSignal.any([gone.signal, ...(signal === undefined ? [] : [signal])]);
  const code = await attachToGuestApp(pod, { manifest, app, stdin: true, signal: either, fromStart: true });
  if (!either.aborted) return code ?? 1;
  // A guest that is still booting has nothing to stop in order.
  const limitMs = readGuestStatus(pod).started.has(app.name) ? STOP_LIMIT_MS : 0;
  stopKvmPod(pod);
  for (let waitedMs = 0; waitedMs < limitMs && findSupervisor(pod) !== undefined; waitedMs += TURN_MS)
    await Bun.sleep(TURN_MS);
  await killKvmPod(pod, manifest.uuid);
  return readAppExit(pod, app.name)?.exitCode ?? 255;
}

interface CarrierInput {
  readonly fifo: string;
  readonly logs: readonly string[];
  readonly fromStart: boolean;
  readonly stdin: boolean;
  readonly signal?: AbortSignal;
  readonly hasStarted: () => boolean;
  /** App and caller both have a terminal: keys pass through untouched, and its size follows. */
  readonly isTerminal: boolean;
}

class Carrier implements Disposable {
  readonly #pod: Files;
  readonly #input: CarrierInput;
  readonly #held = new DisposableStack();
  readonly #logs: readonly FollowedLog[];
  readonly #fifo: OwnedFd | undefined;
  readonly #supervisor: OwnedFd | undefined;
  readonly #changes: FileWatch;
  readonly #keys = new DetachKeys();
  #waiting: Uint8Array = new Uint8Array();
  #wantsInput: boolean;
  #hasStarted = false;
  #size = "";

  constructor(pod: Files, input: CarrierInput) {
    this.#pod = pod;
    this.#input = input;
    this.#wantsInput = input.stdin;
    const watched = [...input.logs, STATUS_FILE].map((rel) => pod.path(rel));
    this.#changes = this.#held.use(new FileWatch(watched));
    this.#logs = input.logs.map((rel, index) =>
      this.#held.use(new FollowedLog(pod.path(rel), { to: index + 1, fromStart: input.fromStart })),
    );
    const pid = findSupervisor(pod);
    this.#supervisor = pid === undefined ? undefined : this.#held.use(new OwnedFd(pidfdOpen(pid)));
    this.#fifo = input.stdin ? this.#openFifo() : undefined;
  }

  [Symbol.dispose](): void {
    this.#held.dispose();
  }

  /** Carries until the pod has ended, or the signal comes; returns whether the caller left before. */
  async carry(): Promise<boolean> {
    const { signal } = this.#input;
    for (let hasEnded = this.#supervisor === undefined; signal?.aborted !== true; ) {
      this.#adaptTerminal();
      for (const log of this.#logs) log.copy();
      if (hasEnded) return false;
      this.#pass();
      const ready = this.#poll();
      this.#changes.clear();
      hasEnded = ready.includes(this.#supervisor?.fd ?? -1);
      if (ready.includes(0) && this.#take()) return true;
      await Bun.sleep(0); // signals are told between turns
    }
    return false;
  }

  #poll(): readonly number[] {
    const isFull = this.#waiting.byteLength > 0;
    const input = this.#wantsInput && !isFull ? [0] : [];
    return pollAny([this.#supervisor?.fd ?? -1, this.#changes.fd, ...input], isFull ? FULL_MS : TURN_MS);
  }

  /** Reads what was typed; returns whether the caller wants to leave. */
  #take(): boolean {
    const buffer = new Uint8Array(PIECE_BYTES);
    const typed = buffer.subarray(0, read(0, buffer));
    // As with other regimes, the app's input stays open for those that come later.
    if (typed.byteLength === 0) this.#wantsInput = false;
    const { pass, isLeft } = this.#input.isTerminal ? this.#keys.take(typed) : { pass: typed, isLeft: false };
    this.#waiting = pass;
    if (isLeft) this.#pass();
    return isLeft;
  }

  #pass(): void {
    if (this.#waiting.byteLength === 0 || this.#fifo === undefined) return;
    try {
      write(this.#fifo.fd, this.#waiting);
      this.#waiting = new Uint8Array();
    } catch (reason) {
      if (hasErrno(reason, "EAGAIN")) return; // the app reads slowly: again in a moment
      if (!hasErrno(reason, "EPIPE")) throw reason;
      this.#waiting = new Uint8Array();
      this.#wantsInput = false;
    }
  }

  /** Until the app runs the terminal is the caller's own: ctrl-c then ends this command. */
  #adaptTerminal(): void {
    if (!this.#input.isTerminal) return;
    if (!this.#hasStarted && this.#input.hasStarted()) {
      this.#hasStarted = true;
      this.#size = ""; // told again: a terminal that nobody has open forgets its size
      if (this.#input.stdin) this.#held.use(enterRawMode(0));
    }
    const size = windowSize(1);
    const request = size === undefined || size.rows === 0 ? this.#size : `size ${size.rows} ${size.columns}`;
    if (request === this.#size) return;
    this.#size = request;
    sendRequest(this.#pod, request);
  }

  #openFifo(): OwnedFd | undefined {
    try {
      const flags = O_WRONLY | O_NONBLOCK | O_CLOEXEC;
      return this.#held.use(new OwnedFd(openat2(AT_FDCWD, this.#pod.path(this.#input.fifo), { flags })));
    } catch (reason) {
      if (!hasErrno(reason, "ENXIO")) throw reason;
      return undefined; // the emulator has ended
    }
  }
}

/** A log that grows, copied to a descriptor of the caller. */
class FollowedLog extends OwnedFd {
  readonly #to: number;
  readonly #buffer = new Uint8Array(COPY_BYTES);
  #at: number;

  constructor(path: string, { to, fromStart }: { readonly to: number; readonly fromStart: boolean }) {
    super(openat2(AT_FDCWD, path, { flags: O_RDONLY | O_CLOEXEC }));
    this.#to = to;
    this.#at = fromStart ? 0 : fstat(this.fd).size;
  }

  /** Copies what has been added. */
  copy(): void {
    for (;;) {
      const length = pread(this.fd, this.#buffer, this.#at);
      if (length === 0) return;
      write(this.#to, this.#buffer.subarray(0, length));
      this.#at += length;
    }
  }
}
