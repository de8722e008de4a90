import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";

/** What a host holds that a pod could leave behind: one set of lines per kind, comparable with `hostLeaks`. */
export type HostSnapshot = ReadonlyMap<string, ReadonlySet<string>>;

/** Takes the snapshot. Reads only; lines are free of counters and ids that change by themselves. */
export function hostSnapshot(): HostSnapshot {
  return new Map([
    ["mount", new Set(mounts())],
    ["network namespace", new Set([...names("/run/gantry/netns"), ...names("/run/netns")])],
    ["link", new Set(links())],
    ["iptables rule", new Set(rules("iptables-save"))],
    ["ip6tables rule", new Set(rules("ip6tables-save"))],
    ["cgroup", new Set(cgroups("/sys/fs/cgroup", 6))],
    ["process", new Set(processes())],
    ["CNI state", new Set(filesBeneath("/var/lib/cni", 4).filter(isLease))],
    ["temporary file", new Set(names("/tmp").filter((path) => /\/(gantry|bun-ffi)[-.]/.test(path)))],
  ]);
}

/** What `after` holds and `before` did not, as `kind: what`. */
export function hostLeaks(before: HostSnapshot, after: HostSnapshot): string[] {
  return [...after].flatMap(([kind, lines]) => {
    const known = before.get(kind) ?? new Set();
    return [...lines].filter((line) => !known.has(line)).map((line) => `${kind}: ${line}`);
  });
}

function mounts(): string[] {
  // Fields 4 and 5 (root, mount point), and what follows the dash (type, source); ids differ at every mount.
  return readFileSync("/proc/self/mountinfo", "utf8")
    .trim()
    .split("\n")
    .map((line) => {
      const fields = line.split(" ");
      const [type = "", source = ""] = fields.slice(fields.indexOf("-") + 1);
      return `${fields[4]} (${type} ${source} ${fields[3]})`;
    });
}

function rules(program: string): string[] {
  if (Bun.which(program) === null) return [];
  const saved = Bun.spawnSync([program], { stderr: "ignore" }).stdout.toString();
  let table = "";
  const lines: string[] = [];
  for (const line of saved.split("\n")) {
    if (line.startsWith("*")) table = line.slice(1);
    // Tables and built-in chains appear with their first use; only rules and chains of our making are leaks.
    else if (line.startsWith("-A ") || /^:(?:CNI|GANTRY)/i.test(line))
      lines.push(`${table} ${line.replace(/ \[\d+:\d+\]$/, "")}`);
  }
  return lines.filter((line) => !isKeptByPlugins(line));
}

/** The CNI plugins make a few chains once per host and keep them. What belongs to one pod names an address or its own chain. */
function isKeptByPlugins(line: string): boolean {
  return /CNI-(?:HOSTPORT-(?:MASQ|SETMARK|DNAT)|FORWARD|ADMIN)\b/.test(line) && !/ -[sd] |CNI-(?:DN|SN)-/.test(line);
}

/** A bridge outlives its pods by design of the CNI plugin; only one that still has ports tells of a leak. */
function links(): string[] {
  return names("/sys/class/net").filter((path) => !existsSync(`${path}/bridge`) || entries(`${path}/brif`).length > 0);
}

function cgroups(root: string, depth: number): string[] {
  return directories(root, depth).filter((path) => /gantry|machine-|\.nspawn|systemd-nspawn/.test(path));
}

function directories(path: string, depth: number): string[] {
  if (depth === 0 || !existsSync(path)) return [];
  const below = entries(path).filter((entry) => entry.isDirectory());
  return below.flatMap((entry) => [`${path}/${entry.name}`, ...directories(`${path}/${entry.name}`, depth - 1)]);
}

function processes(): string[] {
  const own = new Set([`${process.pid}`, `${process.ppid}`]);
  return entries("/proc")
    .filter((entry) => /^\d+$/.test(entry.name) && !own.has(entry.name))
    .map((entry) => ({ pid: entry.name, command: commandOf(entry.name) }))
    .filter(({ command }) => /(?:^|\/)(?:gantry|systemd-nspawn)(?: |$)/.test(command))
    .map(({ pid, command }) => `${pid} ${command.slice(0, 160)}`);
}

/** Program and arguments; empty for zombies, kernel threads and processes that just ended. */
function commandOf(pid: string): string {
  try {
    const program = readlinkSync(`/proc/${pid}/exe`);
    return `${program} ${readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ")}`.trim();
  } catch {
    return ""; // it ended, or it is a zombie that PID 1 has yet to reap
  }
}

function isLease(path: string): boolean {
  return !/\/(?:lock|last_reserved_ip\.\d+)$/.test(path);
}

function filesBeneath(path: string, depth: number): string[] {
  if (depth === 0 || !existsSync(path)) return [];
  return entries(path).flatMap((entry) =>
    entry.isDirectory() ? filesBeneath(`${path}/${entry.name}`, depth - 1) : [`${path}/${entry.name}`],
  );
}

function names(path: string): string[] {
  return entries(path).map((entry) => `${path}/${entry.name}`);
}

function entries(path: string): { name: string; isDirectory(): boolean }[] {
  try {
    return readdirSync(path, { withFileTypes: true });
  } catch {
    return []; // missing, or gone between two looks
  }
}
