import type { Files } from "../../sys/host.ts";
import { AT_FDCWD, O_APPEND, O_CLOEXEC, O_CREAT, O_NONBLOCK, O_RDONLY, O_WRONLY } from "../../sys/linux/constants.ts";
import { openat2, pipe2, write } from "../../sys/linux/fs-calls.ts";
import { hasErrno } from "../../sys/linux/libc.ts";
import { OwnedFd } from "../../sys/linux/owned-fd.ts";
import type { PodCgroup } from "../../sys/linux/pod-cgroup.ts";
import { readLater } from "../../sys/linux/read-later.ts";
import { spawnDetached } from "../../sys/linux/spawn-detached.ts";
import { Stage1Error } from "../errors.ts";

/** One container to make and to supervise. */
export interface ConmonInput {
  readonly conmon: string;
  readonly pod: Files;
  readonly app: string;
  /** Container id, unique on this host. */
  readonly id: string;
  /** Inherited by conmon: it keeps the pod's lock. */
  readonly lockFd: number;
  readonly cgroup: PodCgroup;
  /** Standard input, output and error of the app itself; undefined: conmon keeps the log in the CRI's format. */
  readonly stdio: readonly [number, number, number] | undefined;
  /** Keep the app's input open for clients that attach. */
  readonly stdin: boolean;
  /** Give the app a terminal that clients attach to. */
  readonly tty?: boolean;
  /** The runtime is started at once and waits for its configuration; otherwise it is started when that is there. */
  readonly isSpecAwaited?: boolean;
  /** Let the container go on from what was written, in place of making one. */
  readonly restore?: { readonly images: string; readonly flags: readonly string[] };
}

const MAX_ANSWER_BYTES = 65_536;
const ENV = { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" };

/** A container on its way. */
export interface ContainerToBe extends Disposable {
  /**
   * Everything else it is made from is there: lets the runtime begin, with this text as the bundle's config.json.
   * Disposing without that gives it up.
   */
  begin(spec: string): void;
  /** Waits until it is there, and returns its pid. @throws {Stage1Error} "stage1/start-failed" with what the runtime said */
  pid(): Promise<number>;
}

/**
 * Starts conmon, which makes the container once `begin` is called: programs take their time to load. The app itself waits
 * for the runtime's `start`. The bundle's directory and the runtime script have to be there.
 */
export function createContainer(input: ConmonInput): ContainerToBe {
  const { pod, app, isSpecAwaited = false } = input;
  using log = new OwnedFd(
    openat2(AT_FDCWD, pod.path("supervisor.log"), {
      flags: O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
      modeOctal: 0o600,
    }),
  );
  using nothing = new OwnedFd(openat2(AT_FDCWD, "/dev/null", { flags: O_RDONLY | O_CLOEXEC }));
  const [answer, theirAnswer] = openPipe();
  const [theirGo, go] = openPipe(isSpecAwaited ? O_NONBLOCK : 0);
  const config = `apps/${app}/bundle/config.json`;
  // Whoever opens that reads from the pipe, and gets nothing when this process has ended.
  if (isSpecAwaited) pod.symlink(config, `/proc/self/fd/${GO_FD}`);
  try {
    spawnDetached({
      argv: ["/bin/sh", "-c", JOIN_AND_BECOME, "sh", ...input.cgroup.joinFiles, "", ...conmonArgv(input)],
      env: { ...ENV, _OCI_SYNCPIPE: "4" },
      cwd: pod.path(`apps/${app}/bundle`),
      stdio: [...(input.stdio ?? [nothing.fd, log.fd, log.fd]), input.lockFd, theirAnswer.fd, theirGo.fd],
    });
  } finally {
    theirAnswer[Symbol.dispose]();
    theirGo[Symbol.dispose]();
  }
  let isOver = false;
  let feeding = Promise.resolve();
  return {
    begin: (spec) => {
      pod.replace(config, spec, 0o600); // before the runtime knows all, for it may read it a second time
      const bytes = new TextEncoder().encode(isSpecAwaited ? spec : "go\n");
      feeding = feed(go.fd, bytes, () => isOver).finally(() => go[Symbol.dispose]());
      feeding.catch(() => undefined); // for `pid`
    },
    pid: async () => {
      const line = await readLine(answer.fd);
      isOver = true;
      await feeding;
      return parseAnswer(line, input);
    },
    [Symbol.dispose]: () => {
      isOver = true;
      go[Symbol.dispose]();
      answer[Symbol.dispose]();
    },
  };
}

/** Moves itself into the cgroups given up to an empty argument, then becomes the rest. */
const JOIN_AND_BECOME =
  'while [ -n "$1" ]; do { echo 0 > "$1"; } 2> /dev/null || exit 1; shift; done; shift; exec "$@"';

/** What runtime or runtime script wait for before they make the container: its configuration, or a line. */
export const GO_FD = 5;

function openPipe(flags = 0): readonly [OwnedFd, OwnedFd] {
  const { readFd, writeFd } = pipe2(O_CLOEXEC | flags);
  return [new OwnedFd(readFd), new OwnedFd(writeFd)];
}

/** The kernel takes so much as a whole or not at all. Spec: pipe(7), PIPE_BUF. */
const PIECE_BYTES = 4096;
const PAUSE_MS = 1;

/**
 * Most texts fit into the pipe; of a longer one the reader has to take the beginning first. Ends early when `isOver`: a
 * runtime that was slow to load has found the file in place of the pipe.
 */
async function feed(fd: number, bytes: Uint8Array, isOver: () => boolean): Promise<void> {
  for (let done = 0; done < bytes.byteLength && !isOver(); ) {
    try {
      write(fd, bytes.subarray(done, done + PIECE_BYTES));
      done += PIECE_BYTES;
    } catch (reason) {
      if (hasErrno(reason, "EPIPE")) return; // its answer says why
      if (!hasErrno(reason, "EAGAIN")) throw reason;
      await Bun.sleep(PAUSE_MS);
    }
  }
}

function conmonArgv({ conmon, pod, app, id, stdio, stdin, tty, restore }: ConmonInput): [string, ...string[]] {
  return [
    conmon,
    "--api-version=1",
    `--cid=${id}`,
    `--cuuid=${id}`,
    `--name=${app}`,
    `--runtime=${pod.path(`apps/${app}/runtime`)}`,
    `--bundle=${pod.path(`apps/${app}/bundle`)}`,
    `--container-pidfile=${pod.path(`apps/${app}/pid`)}`,
    `--conmon-pidfile=${pod.path(`apps/${app}/conmon.pid`)}`,
    `--exit-dir=${pod.path("oci/exits")}`,
    `--exit-command=${pod.path(`apps/${app}/on-exit`)}`,
    "--full-attach",
    "--no-sync-log",
    ...(stdin ? ["--stdin", "--leave-stdin-open"] : []),
    ...(tty === true ? ["--terminal"] : []),
    ...(restore === undefined ? [] : [`--restore=${restore.images}`]),
    ...(restore?.flags ?? []).map((flag) => `--runtime-opt=${flag}`),
    stdio === undefined ? `--log-path=k8s-file:${pod.path(`logs/${app}/log`)}` : "--log-path=passthrough:",
  ];
}

/** Until the other side has written a whole line, or is gone. */
async function readLine(fd: number): Promise<string> {
  const buffer = new Uint8Array(MAX_ANSWER_BYTES);
  let length = 0;
  while (length < buffer.length) {
    const got = await readLater(fd, buffer.subarray(length));
    length += got;
    if (got === 0 || buffer[length - 1] === 0x0a) break;
  }
  return new TextDecoder().decode(buffer.subarray(0, length));
}

/** Spec: conmon, src/parent_pipe_fd.c: one line of JSON, a pid or a negative number and a message. */
function parseAnswer(text: string, { app, restore, stdio }: ConmonInput): number {
  let answer: { readonly data?: unknown; readonly pid?: unknown; readonly message?: unknown } = {};
  try {
    answer = JSON.parse(text) as typeof answer;
  } catch {
    // conmon died before it could say anything: the message below is all there is.
  }
  const pid = answer.data ?? answer.pid;
  if (typeof pid === "number" && pid > 0) return pid;
  const message = typeof answer.message === "string" ? lastLine(answer.message) : silence(stdio);
  if (restore !== undefined) {
    throw new Stage1Error("stage1/checkpoint-failed", `Cannot restore app "${app}": ${message}`, { data: { app } });
  }
  throw new Stage1Error("stage1/start-failed", `Cannot start app "${app}": ${message}`, {
    hint: "look at what the runtime needs: gantry doctor",
    data: { app },
  });
}

/** In the foreground what the runtime says goes where the app's errors go. */
function silence(stdio: ConmonInput["stdio"]): string {
  return stdio === undefined ? "conmon gave no answer" : "the runtime gave up, and said why on standard error";
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1)?.slice(0, 500) ?? "";
}
