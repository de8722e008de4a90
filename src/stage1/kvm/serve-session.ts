import { EngineError } from "../../base/errors.ts";
import { type ByteStream, openDeviceStream } from "../../sys/linux/byte-stream.ts";
import { readProcStat } from "../../sys/linux/process-stat.ts";
import { childrenOf, readCgroupPaths, readComm } from "../../sys/linux/process-tree.ts";
import type { PipedProcess } from "../../sys/linux/start-piped.ts";
import { startInApp } from "../enter.ts";
import { Stage1Error } from "../errors.ts";
import { appUnitName } from "../units.ts";
import { encodeFrame, encodeFrames, FRAME, type Frame, FrameReader } from "./frames.ts";
import { GUEST } from "./guest-scripts.ts";
import { SESSION_PROTOCOL, type SessionFailure, type SessionSpec } from "./session-spec.ts";

const MAX_SPEC_BYTES = 1024 * 1024;
const SIGKILL = 9;

/**
 * The guest's half of a session, in a process of its own: reads what to run from its port, runs it confined like the app,
 * carries its streams, and tells how it ended. When the host goes away, the program is killed.
 */
export async function serveSession(number: string): Promise<number> {
  const path = `${GUEST.ports}/exec.${number}`;
  const stream = openDeviceStream(path);
  const port = new Port(stream);
  try {
    await serve(stream.chunks(), port);
    return 0;
  } catch (reason) {
    port.fail(reason);
    return 1;
  } finally {
    stream.close();
  }
}

async function serve(input: AsyncIterable<Uint8Array>, port: Port): Promise<void> {
  const reader = new FrameReader();
  const specParts: Uint8Array[] = [];
  let session: PipedProcess | undefined;
  const exited = Promise.withResolvers<number>();
  const take = async ({ kind, content }: Frame): Promise<void> => {
    if (session !== undefined) return await handle(session, { kind, content }, port);
    if (kind !== FRAME.spec) return;
    specParts.push(content);
    if (specParts.reduce((sum, part) => sum + part.byteLength, 0) > MAX_SPEC_BYTES) throw tooLong();
    if (content.byteLength > 0) return;
    session = start(JSON.parse(new TextDecoder().decode(Buffer.concat(specParts))) as SessionSpec, port);
    void session.exited.then(exited.resolve, exited.reject);
  };
  const pump = async (): Promise<void> => {
    for await (const bytes of input) for (const frame of reader.push(bytes)) await take(frame);
    session?.kill(SIGKILL);
  };
  void pump().catch(exited.reject);
  port.send(encodeFrame(FRAME.exit, Uint8Array.of(await exited.promise)));
}

function start(spec: SessionSpec, port: Port): PipedProcess {
  if (spec.protocol !== SESSION_PROTOCOL) {
    throw new Stage1Error("stage1/enter-failed", "Cannot run a program: guest and host speak different versions", {
      hint: "build the guest anew (gantry stage1 build kvm) and start the pod again",
    });
  }
  return startInApp(
    { ...spec, ...findApp(spec.app) },
    {
      size: spec.size ?? { rows: 24, columns: 80 },
      onStdout: (bytes) => port.sendAll(FRAME.stdout, bytes),
      onStderr: (bytes) => port.sendAll(FRAME.stderr, bytes),
    },
  );
}

async function handle(session: PipedProcess, { kind, content }: Frame, port: Port): Promise<void> {
  const bytes = Buffer.from(content);
  if (kind === FRAME.stdin) {
    await session.write(content);
    const taken = Buffer.alloc(4);
    taken.writeUInt32LE(content.byteLength, 0);
    port.send(encodeFrame(FRAME.taken, taken));
  } else if (kind === FRAME.stdinEnd) session.endInput();
  else if (kind === FRAME.signal && bytes.byteLength === 1) session.kill(bytes.readUInt8(0));
  else if (kind === FRAME.resize && bytes.byteLength === 4)
    session.resize({ rows: bytes.readUInt16LE(0), columns: bytes.readUInt16LE(2) });
}

/** The app's main process: the oldest child of this guest's systemd in the app's own cgroup that runs its program. */
function findApp(app: string): { readonly pid: number; readonly startTicks: number } {
  const unit = `/${appUnitName(app as Parameters<typeof appUnitName>[0])}`;
  const [found] = childrenOf(1)
    .flatMap((pid) => {
      if (!readCgroupPaths(pid).some((path) => path.endsWith(unit))) return [];
      const stat = readProcStat(pid);
      return stat === undefined || stat.state === "Z" || readComm(pid).startsWith("(")
        ? []
        : [{ pid, startTicks: stat.startTicks }];
    })
    .sort((a, b) => a.startTicks - b.startTicks || a.pid - b.pid);
  if (found !== undefined) return found;
  throw new Stage1Error("stage1/not-running", `Cannot run a program in app "${app}": it is not running`, {
    hint: "see how it ended: gantry status POD",
  });
}

function tooLong(): Stage1Error {
  return new Stage1Error("stage1/enter-failed", "Cannot run a program: its arguments and environment are too long", {
    hint: `give less than ${MAX_SPEC_BYTES} bytes`,
  });
}

/** The way to the host. Writing waits until the host has taken it, so a slow reader there slows the program here. */
class Port {
  readonly #stream: ByteStream;

  constructor(stream: ByteStream) {
    this.#stream = stream;
  }

  send(frame: Uint8Array): void {
    this.#stream.write(frame);
  }

  sendAll(kind: number, bytes: Uint8Array): void {
    for (const frame of encodeFrames(kind, bytes)) this.send(frame);
  }

  fail(reason: unknown): void {
    const failure: SessionFailure =
      reason instanceof EngineError
        ? { code: reason.code, message: reason.message, ...(reason.hint === undefined ? {} : { hint: reason.hint }) }
        : { code: "stage1/enter-failed", message: `Cannot run a program in the guest: ${String(reason)}` };
    this.sendAll(FRAME.failure, new TextEncoder().encode(JSON.stringify(failure).slice(0, 4096)));
  }
}
