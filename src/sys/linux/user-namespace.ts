import { closeSync, existsSync, openSync, readdirSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { SysError } from "../errors.ts";
import { fileError, withFileErrors } from "./file-error.ts";
import { bindMount, unmount } from "./mounts.ts";

/** Ids from `containerId` on inside a user namespace are those from `hostId` on outside. */
export interface IdMapping {
  readonly containerId: number;
  readonly hostId: number;
  readonly size: number;
}

/** Both maps of a user namespace. */
export interface IdMappings {
  readonly uidMappings: readonly IdMapping[];
  readonly gidMappings: readonly IdMapping[];
}

/** A namespace to keep: its name in /proc, and the new file that a bind mount makes keep it. */
export interface KeptNamespace {
  readonly kind: "user" | "net" | "ipc" | "uts";
  readonly path: string;
}

const FLAGS = { user: [], net: ["--net"], ipc: ["--ipc"], uts: ["--uts"] } as const;
const ENV = { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" };

/**
 * In the new user namespace: says that it is there, waits for its maps, makes as its root what is to belong to that, and
 * says so by repeating what it is told.
 */
const HOLD = 'echo && read -r mapped && exec setpriv --reuid=0 --regid=0 --clear-groups unshare "$@" cat';

/**
 * Makes a user namespace with these maps, and other namespaces that belong to it; mounts on the files of `kept` keep
 * them. A process of several threads, as we are, cannot make one: a small program does, and waits until all is kept.
 * @throws {SysError} "sys/unsupported" when the kernel or its settings refuse, "sys/program-missing"
 */
export async function createUserNamespace(maps: IdMappings, kept: readonly KeptNamespace[]): Promise<void> {
  // Without those only the maps are of interest, which need no root.
  const flags = [...new Set(kept.flatMap(({ kind }) => FLAGS[kind]))];
  const child = startHolder(flags);
  const answers = child.stdout.getReader();
  const wait = async () => {
    if ((await answers.read()).done) throw refused(await new Response(child.stderr).text());
  };
  const tell = async () => {
    await child.stdin.write("\n");
    await child.stdin.flush();
  };
  try {
    await wait();
    writeMap(`/proc/${child.pid}/uid_map`, maps.uidMappings);
    writeMap(`/proc/${child.pid}/gid_map`, maps.gidMappings);
    await tell();
    await tell();
    await wait();
    for (const { kind, path } of kept) keep(`/proc/${child.pid}/ns/${kind}`, path);
  } finally {
    child.kill("SIGKILL");
    await child.exited;
  }
}

function startHolder(flags: readonly string[]) {
  try {
    const argv = [
      "unshare",
      "--user",
      "--keep-caps",
      "sh",
      "-c",
      flags.length === 0 ? "echo && exec cat" : HOLD,
      "sh",
      ...flags,
    ];
    return Bun.spawn(argv, { env: ENV, stdin: "pipe", stdout: "pipe", stderr: "pipe" });
  } catch (reason) {
    throw fileError(reason, 'run program "unshare"');
  }
}

function writeMap(file: string, mappings: readonly IdMapping[]): void {
  const text = mappings.map(({ containerId, hostId, size }) => `${containerId} ${hostId} ${size}\n`).join("");
  withFileErrors(`map the ids of a user namespace`, () => writeFileSync(file, text));
}

function keep(namespace: string, path: string): void {
  withFileErrors(`keep namespace "${path}"`, () => {
    closeSync(openSync(path, "wx", 0o444));
    bindMount({ source: namespace, target: path });
  });
}

function refused(said: string): SysError {
  const text = said.trim().split("\n").at(-1)?.slice(0, 300) ?? "";
  return new SysError("sys/unsupported", `Cannot make a user namespace: ${text || "the kernel refuses"}`, {
    hint: text.includes("not permitted")
      ? "run outside of a chroot, and where nothing forbids them"
      : "allow more of them: sysctl user.max_user_namespaces=100000",
  });
}

/** Drops the namespaces that files of a directory keep, and the directory; nothing there is fine. */
export function dropNamespaces(dir: string): void {
  withFileErrors(`drop the namespaces of "${dir}"`, () => {
    if (!existsSync(dir)) return;
    for (const name of readdirSync(dir)) {
      unmount(`${dir}/${name}`);
      rmSync(`${dir}/${name}`, { force: true });
    }
    rmdirSync(dir);
  });
}
