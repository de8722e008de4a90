import { readlinkSync } from "node:fs";

/** What a process finds out about where it lives, by field. */
export type ProcessFacts = ReadonlyMap<string, string>;

const FIELDS = "Uid|Gid|Groups|Umask|CapInh|CapPrm|CapEff|CapBnd|CapAmb|NoNewPrivs|Seccomp";
const NAMESPACES = ["cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"] as const;

/** For busybox's shell as the first process of a container; `readFacts` reads what it prints. */
export const FACTS_SCRIPT = `
section() { echo "@@ $1"; }
section env; busybox tr '\\0' '\\n' < /proc/$$/environ
section status; grep -E '^(${FIELDS}):' /proc/$$/status
section limits; cat /proc/$$/limits
section oom; cat /proc/$$/oom_score_adj
section cwd; readlink /proc/$$/cwd
section cgroup; cat /proc/$$/cgroup
section ns; for one in ${NAMESPACES.join(" ")}; do echo "$one $(readlink /proc/$$/ns/$one)"; done
section mounts; cat /proc/$$/mountinfo
section devices; busybox find /dev -exec busybox stat -c '%n|%F|%a|%u:%g|%t:%T|%N' {} ';'
section end
`;

/** The printed facts as comparable fields: numbers of namespaces and devices are replaced by what they mean. */
export function readFacts(printed: string): ProcessFacts {
  const facts = new Map<string, string>();
  const sections = new Map(
    printed.split(/^@@ /m).map((part) => {
      const [name = "", ...lines] = part.split("\n");
      return [name, lines.filter((line) => line !== "")] as const;
    }),
  );
  if (!sections.has("end")) throw new Error(`the facts are not complete:\n${printed}`);
  const lines = (name: string) => sections.get(name) ?? [];
  for (const line of lines("env")) facts.set(`env ${line.split("=")[0]}`, line.slice(line.indexOf("=") + 1));
  for (const line of lines("status")) {
    const [name = "", value = ""] = line.split(":");
    facts.set(name, value.trim().replaceAll(/\s+/g, " "));
  }
  for (const line of lines("limits").slice(1))
    facts.set(`limit ${line.slice(4, 26).trim()}`, line.slice(26).trim().replaceAll(/\s+/g, " "));
  facts.set("oom_score_adj", lines("oom").join());
  facts.set("cwd", lines("cwd").join());
  for (const line of lines("cgroup")) {
    const [, controllers = "", path = ""] = line.split(":");
    facts.set(`cgroup ${controllers || "v2"}`, path === "/" ? "its root" : "a path of the host");
  }
  for (const line of lines("ns")) {
    const [name = "", link = ""] = line.split(" ");
    facts.set(`namespace ${name}`, link === readlinkSync(`/proc/self/ns/${name}`) ? "the host's" : "its own");
  }
  for (const line of lines("mounts")) facts.set(...mountFact(line));
  for (const line of lines("devices")) {
    const [path = "", kind = "", mode = "", owner = "", number = "", link = ""] = line.split("|");
    facts.set(
      `device ${path}`,
      kind === "symbolic link" ? link.replace(/^.* -> /, "-> ") : [kind, mode, owner, number].join(" "),
    );
  }
  return facts;
}

/** Options that say where a file system lies and not how it is mounted. */
const PLACES = /^(lowerdir|upperdir|workdir|size|nr_inodes|uuid|resuid|resgid|index|redirect_dir|xino)\b/;

/** Spec: proc_pid_mountinfo(5) */
function mountFact(line: string): [string, string] {
  const [before = "", after = ""] = line.split(" - ");
  const [, , , root = "", target = "", options = "", ...shared] = before.split(" ");
  const [type = "", , superOptions = ""] = after.split(" ");
  const propagation = shared.map((one) => one.replace(/:\d+$/, "")).join(" ");
  if (
    /^\/(proc|sys)\/./.test(target) &&
    !type.startsWith("cgroup") &&
    !(type === "tmpfs" && target === "/sys/fs/cgroup")
  ) {
    const isMasked = root === "/null" || (type === "tmpfs" && options.startsWith("ro"));
    if (isMasked) return [`hidden ${target}`, "yes"];
    if (options.startsWith("ro")) return [`read-only ${target}`, "yes"];
  }
  const all = [...options.split(","), ...superOptions.split(",").filter((one) => !PLACES.test(one))];
  return [`mount ${target}`, `${type} ${[...new Set(all)].sort().join(",")} ${propagation}`.trim()];
}

/** Fields that differ, with both values; "none" is a field that one side does not have. */
export function compareFacts(
  one: ProcessFacts,
  other: ProcessFacts,
): { readonly field: string; readonly bare: string; readonly ours: string }[] {
  const fields = [...new Set([...one.keys(), ...other.keys()])].sort();
  return fields.flatMap((field) => {
    const [bare = "none", ours = "none"] = [one.get(field), other.get(field)];
    return bare === ours ? [] : [{ field, bare, ours }];
  });
}
