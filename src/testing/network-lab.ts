import type { AttachmentHost } from "../network/detach.ts";
import type { Files, Programs } from "../sys/host.ts";
import { openFiles } from "../sys/linux/files.ts";
import { createPrograms } from "../sys/linux/processes.ts";

/** A network namespace that plays the host, so that tests touch neither its bridges nor its packet filter. */
export interface NetworkLab extends AsyncDisposable {
  /** Scratch directory, gone with the lab. */
  readonly scratch: Files;
  /** Runs plugins inside the lab's host namespace; `files` is a pod directory called `pod`. */
  attachmentHost(
    pod: string,
    options?: { readonly pluginDirs?: readonly Files[]; readonly timeoutMs?: number },
  ): AttachmentHost;
  /** New namespace for a pod; returns its path. */
  addNetns(name: string): Promise<string>;
  removeNetns(path: string): Promise<void>;
  /** Runs a command in the lab's host, or in `netns`; its standard output. Fails the test unless it exits with 0. */
  run(argv: readonly [string, ...string[]], netns?: string): Promise<string>;
  /** Packet filter rules of both families, without counters and comments. */
  rules(): Promise<string>;
}

const DEBIAN_PLUGINS = "/usr/lib/cni";

/** Makes the lab; needs root, iproute2, iptables and the reference plugins. */
export async function openNetworkLab(): Promise<NetworkLab> {
  const id = `lab${process.pid}x${Math.floor(performance.now() * 1000).toString(36)}`;
  const programs = createPrograms();
  const scratch = openFiles(`/tmp/gantry-${id}`);
  scratch.ensureDir("");
  const made: string[] = [];
  const run: NetworkLab["run"] = async (argv, netns = host) => {
    const { exitCode, stdout, stderr } = await programs.run({
      argv: ["nsenter", `--net=${netns}`, "--", ...argv],
      timeoutMs: 30_000,
    });
    if (exitCode !== 0) throw new TypeError(`${argv.join(" ")}: exit ${exitCode}: ${stderr}`);
    return stdout;
  };
  const addNetns = async (name: string): Promise<string> => {
    // Not `ip netns add`: on a fresh host that leaves a mount on /run/netns behind.
    const path = scratch.path(`netns/${name}`);
    scratch.writeAtomic(`netns/${name}`, "");
    await runOutside(programs, ["unshare", `--net=${path}`, "true"]);
    made.push(path);
    await run(["ip", "link", "set", "lo", "up"], path);
    return path;
  };
  const removeNetns = async (path: string): Promise<void> => {
    made.splice(made.indexOf(path), 1);
    await runOutside(programs, ["umount", path]);
    await runOutside(programs, ["rm", path]);
  };
  const host = scratch.path("netns/host");
  await addNetns("host");
  return {
    scratch,
    addNetns,
    removeNetns,
    run,
    attachmentHost: (pod, { pluginDirs = [openFiles(DEBIAN_PLUGINS)], ...rest } = {}) => ({
      programs: enterFirst(programs, host),
      files: scratch.sub(`pods/${pod}`),
      pluginDirs,
      ...rest,
    }),
    rules: async () => stripRules((await run(["iptables-save"])) + (await run(["ip6tables-save"]))),
    [Symbol.asyncDispose]: async () => {
      for (const path of [...made]) await removeNetns(path);
      await runOutside(programs, ["rm", "-rf", scratch.root]);
    },
  };
}

function enterFirst(programs: Programs, netns: string): Programs {
  return {
    run: (program, options) =>
      programs.run({ ...program, argv: ["/usr/bin/nsenter", `--net=${netns}`, "--", ...program.argv] }, options),
  };
}

async function runOutside(programs: Programs, argv: readonly [string, ...string[]]): Promise<void> {
  const { exitCode, stderr } = await programs.run({ argv, timeoutMs: 30_000 });
  if (exitCode !== 0) throw new TypeError(`${argv.join(" ")}: exit ${exitCode}: ${stderr}`);
}

function stripRules(text: string): string {
  return text
    .split("\n")
    .filter((line) => !line.startsWith("#"))
    .map((line) => line.replace(/\[\d+:\d+\]/, ""))
    .join("\n");
}
