import { constants } from "node:os";
import type { Files } from "../../sys/host.ts";
import { type ByteStream, connectByteStream } from "../../sys/linux/byte-stream.ts";
import { AT_FDCWD, O_NONBLOCK, O_WRONLY } from "../../sys/linux/constants.ts";
import { close, openat2, write } from "../../sys/linux/fs-calls.ts";
import { windowSize } from "../../sys/linux/terminal-calls.ts";
import { Stage1Error } from "../errors.ts";
import { encodeFrame, encodeFrames, FRAME, type Frame, FrameReader, STDIN_WINDOW_BYTES } from "./frames.ts";
import { CONTROL_FIFO, SESSIONS, sessionSocket, VM_DIR } from "./ports.ts";
import type { SessionFailure, SessionSpec } from "./session-spec.ts";

const FORWARDED = ["SIGTERM", "SIGHUP", "SIGINT", "SIGUSR1", "SIGUSR2"] as const;
const MAX_FAILURE_TEXT = 1000;

/**
 * Runs a program in a guest through a free session port, joined to this process's own input and output. Returns its exit
 * code. @throws {Stage1Error} "stage1/not-running", "stage1/busy", "stage1/enter-failed"
 */
export async function runSession(pod: Files, spec: SessionSpec): Promise<number> {
  using claim = claimPort(pod);
  const socket = await connect(pod, claim.number);
  requestSession(pod, claim.number);
  const session = new Session(socket, spec);
  try {
    return await session.run();
  } finally {
    session.end();
  }
}

/** A port nobody else uses; held by a lock that ends with this process. */
function claimPort(pod: Files): Disposable & { readonly number: number } {
  for (let number = 0; number < SESSIONS; number += 1) {
    const lock = pod.lock(`${VM_DIR}/exec.${number}.lock`, { kind: "exclusive", wait: false });
    if (lock !== undefined) return { number, [Symbol.dispose]: () => lock[Symbol.dispose]() };
  }
  throw new Stage1Error("stage1/busy", `Cannot run another program in the guest: ${SESSIONS} are running`, {
    hint: "wait until one of them has ended",
  });
}

async function connect(pod: Files, number: number): Promise<ByteStream> {
  try {
    return await connectByteStream(pod.path(VM_DIR), sessionSocket(number));
  } catch (reason) {
    throw notRunning(reason);
  }
}

function requestSession(pod: Files, number: number): void {
  try {
    const fd = openat2(AT_FDCWD, pod.path(CONTROL_FIFO), { flags: O_WRONLY | O_NONBLOCK });
    write(fd, new TextEncoder().encode(`exec ${number}\n`));
    close(fd);
  } catch (cause) {
    throw notRunning(cause);
  }
}

function notRunning(cause: unknown): Stage1Error {
  return new Stage1Error("stage1/not-running", "Cannot run a program in the guest: it does not answer", {
    hint: "see how it is: gantry status POD",
    cause,
  });
}

class Session {
  readonly #socket: ByteStream;
  readonly #spec: SessionSpec;
  readonly #undo: (() => void)[] = [];
  #credit = STDIN_WINDOW_BYTES;

  constructor(socket: ByteStream, spec: SessionSpec) {
    this.#socket = socket;
    this.#spec = spec;
  }

  async run(): Promise<number> {
    const size = this.#spec.tty ? (windowSize(0) ?? windowSize(1)) : undefined;
    const spec: SessionSpec = { ...this.#spec, ...(size === undefined ? {} : { size }) };
    for (const frame of encodeFrames(FRAME.spec, new TextEncoder().encode(JSON.stringify(spec)))) this.#send(frame);
    this.#send(encodeFrame(FRAME.spec));
    this.#joinCaller();
    const reader = new FrameReader();
    for await (const bytes of this.#socket.chunks()) {
      for (const frame of reader.push(bytes)) {
        const code = await this.#take(frame);
        if (code !== undefined) return code;
      }
    }
    throw notRunning(undefined);
  }

  end(): void {
    for (const undo of this.#undo.splice(0).reverse()) undo();
    this.#socket.close();
  }

  async #take({ kind, content }: Frame): Promise<number | undefined> {
    switch (kind) {
      case FRAME.stdout:
        await writeOut(process.stdout, content);
        return undefined;
      case FRAME.stderr:
        await writeOut(process.stderr, content);
        return undefined;
      case FRAME.taken:
        this.#credit += content.byteLength === 4 ? Buffer.from(content).readUInt32LE(0) : 0;
        this.#credit = Math.min(this.#credit, STDIN_WINDOW_BYTES);
        if (this.#credit > 0 && this.#spec.interactive) process.stdin.resume();
        return undefined;
      case FRAME.exit:
        return content[0] ?? 255;
      case FRAME.failure:
        throw failureOf(content);
      default:
        throw new Stage1Error("stage1/enter-failed", `Cannot follow the guest: it sends messages of kind ${kind}`, {
          hint: "the pod was started by another version of Gantry, or its guest does not behave: start it anew",
        });
    }
  }

  #joinCaller(): void {
    for (const name of FORWARDED) {
      if (name === "SIGINT" && this.#spec.tty) continue;
      const handler = () => this.#send(encodeFrame(FRAME.signal, Uint8Array.of(constants.signals[name])));
      process.on(name, handler);
      this.#undo.push(() => process.off(name, handler));
    }
    if (this.#spec.tty) {
      const onResize = () => this.#sendSize();
      process.on("SIGWINCH", onResize);
      this.#undo.push(() => process.off("SIGWINCH", onResize));
    }
    if (!this.#spec.interactive) {
      this.#send(encodeFrame(FRAME.stdinEnd));
      return;
    }
    const { stdin } = process;
    const isRaw = this.#spec.tty && stdin.isTTY;
    const onData = (bytes: Uint8Array) => {
      for (const frame of encodeFrames(FRAME.stdin, bytes)) this.#send(frame);
      this.#credit -= bytes.byteLength;
      if (this.#credit <= 0) stdin.pause();
    };
    const onEnd = () => this.#send(encodeFrame(FRAME.stdinEnd));
    if (isRaw) stdin.setRawMode(true);
    stdin.on("data", onData).once("end", onEnd);
    this.#undo.push(() => {
      stdin.off("data", onData).off("end", onEnd);
      if (isRaw) stdin.setRawMode(false);
      stdin.pause();
    });
  }

  #sendSize(): void {
    const size = windowSize(0) ?? windowSize(1);
    if (size === undefined) return;
    const content = Buffer.alloc(4);
    content.writeUInt16LE(size.rows, 0);
    content.writeUInt16LE(size.columns, 2);
    this.#send(encodeFrame(FRAME.resize, content));
  }

  #send(frame: Uint8Array): void {
    this.#socket.write(frame);
  }
}

/** Waits while the reader of our output is slow, which holds the guest's program back too. */
async function writeOut(stream: NodeJS.WriteStream, bytes: Uint8Array): Promise<void> {
  await new Promise<void>((resolve) => stream.write(bytes, () => resolve()));
}

function failureOf(content: Uint8Array): Stage1Error {
  let said: Partial<SessionFailure> = {};
  try {
    said = JSON.parse(new TextDecoder().decode(content)) as Partial<SessionFailure>;
  } catch {
    // The guest's own words are no condition for telling that it refused.
  }
  const text = (value: unknown, other: string) =>
    typeof value === "string" ? value.slice(0, MAX_FAILURE_TEXT).replace(/[^\P{Cc}]/gu, " ") : other;
  return new Stage1Error("stage1/enter-failed", text(said.message, "Cannot run a program in the guest: it refused"), {
    hint: text(said.hint, "look at the pod: gantry status POD"),
  });
}
