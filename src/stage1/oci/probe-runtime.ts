import type { Stage1Host } from "../../pod/stage1-contract.ts";
import { SysError } from "../../sys/errors.ts";
import { randomHex } from "../../sys/random.ts";
import type { FailedProbe } from "../failed-probe.ts";
import type { OciRuntime } from "./oci-runtime.ts";

/** Whether a runtime could run a container, and how fast. */
export interface ProbedRuntime {
  readonly runtime: OciRuntime;
  /** Undefined: it does not work. */
  readonly tookMs?: number;
  readonly problem?: string;
  /** It neither worked nor failed in time. */
  readonly isHanging?: true;
  /** Present when it does not work. */
  readonly failed?: FailedProbe;
}

const TIME_LIMIT_MS = 5_000;
const ROUNDS = 4;
/** A sandbox takes its time, and only platforms are compared. */
const SANDBOX_ROUNDS = 2;

/**
 * Runs the host's own /usr/bin/true in a throw-away container, within a time limit: some platforms hang instead of
 * failing. The fastest round counts: others wait for the disk, or for somebody else's work.
 */
export async function probeRuntime(
  runtime: OciRuntime,
  host: Stage1Host,
  options: { readonly signal?: AbortSignal } = {},
): Promise<ProbedRuntime> {
  const dir = `probe-${randomHex(6)}`;
  const { cache } = host;
  try {
    writeBundle(host, dir);
    let tookMs = Number.POSITIVE_INFINITY;
    const rounds = runtime.isSandbox ? SANDBOX_ROUNDS : ROUNDS;
    for (let round = 0; round < rounds; round++) {
      const before = performance.now();
      const { exitCode, stderr } = await host.programs.run(
        {
          argv: probeArgv(runtime, { id: `gantry-${dir}`, bundle: cache.path(dir), root: cache.path(`${dir}/state`) }),
          timeoutMs: TIME_LIMIT_MS,
          stdin: "\n", // a runtime gives it to the app's user: not the host's /dev/null, which nothing would be
        },
        options,
      );
      tookMs = Math.min(tookMs, Math.round(performance.now() - before));
      if (exitCode !== 0) return { runtime, problem: lastLine(stderr) || `exit code ${exitCode}` };
    }
    return { runtime, tookMs };
  } catch (reason) {
    if (reason instanceof SysError && reason.code === "sys/timeout") {
      return { runtime, isHanging: true, problem: `hangs (given up after ${TIME_LIMIT_MS / 1000} s)` };
    }
    if (reason instanceof SysError && reason.code === "sys/program-missing")
      return { runtime, problem: reason.message };
    throw reason;
  } finally {
    cache.remove(dir);
  }
}

function probeArgv(
  runtime: OciRuntime,
  { id, bundle, root }: { readonly id: string; readonly bundle: string; readonly root: string },
): [string, ...string[]] {
  const run = [`--root=${root}`, ...runtime.args, "run", `--bundle=${bundle}`, id];
  if (runtime.cgroups === "managed") return [runtime.path, ...run];
  // A process namespace of its own ends with its first process, also when the runtime hangs.
  const own = ["--mount", "--propagation", "slave", "--pid", "--fork", "--kill-child", "--mount-proc"];
  return ["unshare", ...own, "sh", "-c", HIDE_UNIFIED, "sh", runtime.path, ...run];
}

/** Takes the v2 part of a hybrid cgroup tree out of this mount namespace, then becomes its arguments. */
const HIDE_UNIFIED = `
if grep -q " - cgroup " /proc/self/mountinfo; then
  sed -n 's/^[^ ]* [^ ]* [^ ]* [^ ]* \\([^ ]*\\) .* - cgroup2 .*/\\1/p' /proc/self/mountinfo | while read -r at; do umount -l "$at"; done
fi
exec "$@"`;

function writeBundle({ cache }: Stage1Host, dir: string): void {
  for (const name of ["usr", "proc", "dev", "sys"]) cache.ensureDir(`${dir}/rootfs/${name}`, 0o755);
  for (const name of ["bin", "lib", "lib64"]) cache.symlink(`${dir}/rootfs/${name}`, `usr/${name}`);
  cache.writePlain(
    `${dir}/config.json`,
    JSON.stringify({
      ociVersion: "1.0.2",
      process: {
        user: { uid: 0, gid: 0 },
        args: ["/usr/bin/true"],
        env: ["PATH=/usr/bin"],
        cwd: "/",
        noNewPrivileges: true,
      },
      root: { path: "rootfs", readonly: true },
      mounts: [
        { destination: "/proc", type: "proc", source: "proc" },
        { destination: "/usr", type: "bind", source: "/usr", options: ["bind", "ro"] },
      ],
      linux: { namespaces: ["pid", "mount", "ipc", "uts", "network"].map((type) => ({ type })) },
    }),
  );
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1)?.slice(0, 300) ?? "";
}
