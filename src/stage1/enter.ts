import { CAPABILITY_NAMES, capabilityMask } from "../pod/capabilities.ts";
import { DEFAULT_PATH, envValue } from "../pod/environment.ts";
import { findProgram, openAppRoot, resolveAppUser } from "../pod/resolve-app.ts";
import { allowedSyscalls } from "../pod/seccomp-profile.ts";
import { AT_FDCWD, O_DIRECTORY, O_PATH, O_RDONLY } from "../sys/linux/constants.ts";
import { close, openat2 } from "../sys/linux/fs-calls.ts";
import { joinCgroupsOf } from "../sys/linux/join-cgroups.ts";
import { chroot, fchdir, setns } from "../sys/linux/mount-calls.ts";
import { moveToMountNamespace } from "../sys/linux/mounts.ts";
import {
  capset,
  clearAmbientCapabilities,
  dropBoundingCapability,
  setDumpable,
  setgroupsThread,
  setNoNewPrivs,
  setresgidThread,
  setresuidThread,
} from "../sys/linux/process-calls.ts";
import { readProcStat } from "../sys/linux/process-stat.ts";
import { runAttached } from "../sys/linux/run-attached.ts";
import { createSyscallAllowList, type SyscallFilter } from "../sys/linux/seccomp.ts";
import { type PipedProcess, startPiped } from "../sys/linux/start-piped.ts";
import type { EnterSpec } from "./enter-spec.ts";
import { Stage1Error } from "./errors.ts";
import { takeLimitsOf } from "./ulimits.ts";

/** pid comes first: it only takes effect for children. mnt follows them: after it, host paths mean something else. */
const NAMESPACES = ["pid", "net", "ipc", "uts", "cgroup"] as const;

/**
 * Runs a program as the app would run it: same namespaces, root, cgroups, capabilities, system call filter and user. The
 * calling thread takes on all of that itself and then starts the program, so there is no moment in which a process is
 * inside with more than the app has. Call it in a process of its own. Returns the exit code, 128 + n for a signal.
 * @throws {Stage1Error} "stage1/not-running", "stage1/enter-failed"; {PodError} for program and user
 */
export async function enterApp(spec: EnterSpec): Promise<number> {
  const joined = joinApp(spec);
  return await runAttached({
    ...joined,
    argv0: spec.argv[0] ?? joined.argv[0],
    env: spec.env,
    cwd: spec.workingDir,
    tty: spec.tty,
    interactive: spec.interactive,
  });
}

/** Where the streams of a program go that runs in an app while this process carries them. */
export interface SessionStreams {
  readonly size: { readonly rows: number; readonly columns: number };
  onStdout(bytes: Uint8Array): void;
  onStderr(bytes: Uint8Array): void;
}

/** Like `enterApp`, with streams that this process carries; returns when the program has been started. */
export function startInApp(spec: EnterSpec, streams: SessionStreams): PipedProcess {
  const joined = joinApp(spec);
  joined.beforeSpawn();
  const started = startPiped({
    argv: joined.argv,
    argv0: spec.argv[0] ?? joined.argv[0],
    env: Object.fromEntries(spec.env.map((entry) => splitAt(entry, entry.indexOf("=")))),
    cwd: spec.workingDir,
    ...(spec.tty ? { terminal: streams.size } : {}),
    onStdout: streams.onStdout,
    onStderr: streams.onStderr,
  });
  joined.afterSpawn();
  return started;
}

function splitAt(text: string, at: number): [string, string] {
  return [text.slice(0, at), text.slice(at + 1)];
}

/** This thread in the app's namespaces, root and cgroups, with what is left to do right before a program is started. */
interface JoinedApp {
  readonly argv: readonly [string, ...string[]];
  beforeSpawn(): void;
  afterSpawn(): void;
}

function joinApp(spec: EnterSpec): JoinedApp {
  const proc = `/proc/${spec.pid}`;
  const rootFd = openat2(AT_FDCWD, `${proc}/root`, { flags: O_PATH | O_DIRECTORY });
  const openNamespace = (name: string) => openat2(AT_FDCWD, `${proc}/ns/${name}`, { flags: O_RDONLY });
  const namespaceFds = NAMESPACES.map(openNamespace);
  const mountsFd = openNamespace("mnt");
  const root = openAppRoot(`${proc}/root`);
  const credentials = resolveCredentials(spec, root);
  const path = envValue(spec.env, "PATH") ?? DEFAULT_PATH;
  const program = findProgram(root, { app: spec.app, workingDir: spec.workingDir, program: spec.argv[0] ?? "", path });
  // Descriptors first, then the look: what was opened belongs to the app if the process is still the same one.
  if (readProcStat(spec.pid)?.startTicks !== spec.startTicks) {
    throw new Stage1Error("stage1/not-running", `Cannot enter app "${spec.app}": it has just ended`, {
      hint: "see how it ended: gantry status POD",
    });
  }
  const filter = spec.seccomp === "default" ? createSyscallAllowList(allowedSyscalls(spec)) : undefined;
  const takeLimits = takeLimitsOf(spec.pid);
  // Nothing inside may look at this process through /proc while it has the host's program mapped.
  setDumpable(false);
  const cgroups = joinCgroupsOf(spec.pid);
  for (const fd of namespaceFds) setns(fd, 0);
  moveToMountNamespace(mountsFd);
  for (const fd of [...namespaceFds, mountsFd]) close(fd);
  fchdir(rootFd);
  chroot(".");
  close(rootFd);
  return {
    argv: [program, ...spec.argv.slice(1)],
    beforeSpawn: () => confine(spec, { credentials, filter, takeLimits }),
    afterSpawn: () => cgroups.leave(),
  };
}

function resolveCredentials(spec: EnterSpec, root: ReturnType<typeof openAppRoot>): EnterSpec["own"] {
  return spec.user === undefined ? spec.own : resolveAppUser(root, { user: spec.user });
}

// The filter goes in while CAP_SYS_ADMIN is still there, so that it does not need no_new_privs; it allows what follows.
function confine(
  spec: EnterSpec,
  {
    credentials,
    filter,
    takeLimits,
  }: {
    readonly credentials: EnterSpec["own"];
    readonly filter: SyscallFilter | undefined;
    readonly takeLimits: () => void;
  },
): void {
  takeLimits();
  if (spec.noNewPrivileges) setNoNewPrivs();
  filter?.load();
  for (const [number, name] of CAPABILITY_NAMES.entries()) {
    if (!spec.capabilities.includes(name)) dropBoundingCapability(number);
  }
  clearAmbientCapabilities();
  setgroupsThread(credentials.groups);
  setresgidThread(credentials.gid);
  setresuidThread(credentials.uid);
  const mask = credentials.uid === 0 ? capabilityMask(spec.capabilities) : 0n;
  capset(mask, mask, 0n);
}
