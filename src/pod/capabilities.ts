import { PodError } from "./errors.ts";

/** Linux capability names in number order (index = number). Spec: capabilities(7), Linux 5.9 and later. */
export const CAPABILITY_NAMES = [
  "CHOWN",
  "DAC_OVERRIDE",
  "DAC_READ_SEARCH",
  "FOWNER",
  "FSETID",
  "KILL",
  "SETGID",
  "SETUID",
  "SETPCAP",
  "LINUX_IMMUTABLE",
  "NET_BIND_SERVICE",
  "NET_BROADCAST",
  "NET_ADMIN",
  "NET_RAW",
  "IPC_LOCK",
  "IPC_OWNER",
  "SYS_MODULE",
  "SYS_RAWIO",
  "SYS_CHROOT",
  "SYS_PTRACE",
  "SYS_PACCT",
  "SYS_ADMIN",
  "SYS_BOOT",
  "SYS_NICE",
  "SYS_RESOURCE",
  "SYS_TIME",
  "SYS_TTY_CONFIG",
  "MKNOD",
  "LEASE",
  "AUDIT_WRITE",
  "AUDIT_CONTROL",
  "SETFCAP",
  "MAC_OVERRIDE",
  "MAC_ADMIN",
  "SYSLOG",
  "WAKE_ALARM",
  "BLOCK_SUSPEND",
  "AUDIT_READ",
  "PERFMON",
  "BPF",
  "CHECKPOINT_RESTORE",
] as const; // prettier-ignore

/** What an app may hold at most when nobody says otherwise: the set podman uses (no MKNOD, NET_RAW, AUDIT_WRITE). */
export const DEFAULT_CAPABILITIES: readonly string[] = [
  "CHOWN",
  "DAC_OVERRIDE",
  "FOWNER",
  "FSETID",
  "KILL",
  "NET_BIND_SERVICE",
  "SETFCAP",
  "SETGID",
  "SETPCAP",
  "SETUID",
  "SYS_CHROOT",
];

/**
 * The bounding set, from the default one (or `defaults`), after `--cap-add` and `--cap-drop`, sorted. `ALL` stands for every capability; additions are applied
 * after drops, so `--cap-drop ALL --cap-add KILL` leaves KILL.
 * @throws {PodError} "pod/bad-option" for an unknown name.
 */
export function planCapabilities(
  change: { readonly add: readonly string[]; readonly drop: readonly string[] },
  defaults: readonly string[] = DEFAULT_CAPABILITIES,
): string[] {
  const add = change.add.map(parseCapability);
  const drop = change.drop.map(parseCapability);
  const base = drop.includes("ALL") ? [] : defaults.filter((name) => !drop.includes(name));
  const all = add.includes("ALL") ? CAPABILITY_NAMES.filter((name) => !drop.includes(name)) : [];
  return [...new Set([...base, ...all, ...add.filter((name) => name !== "ALL")])].sort();
}

function parseCapability(text: string): string {
  const name = text.toUpperCase().replace(/^CAP_/, "");
  if (name === "ALL" || CAPABILITY_NAMES.some((known) => known === name)) return name;
  throw new PodError("pod/bad-option", `Cannot use capability "${text}": there is none of that name`, {
    hint: "see capabilities(7) for the names; write them with or without CAP_",
  });
}

const NAMES: readonly string[] = CAPABILITY_NAMES;

/** Bit mask of a set of names, as capset(2) and /proc/PID/status use it. */
export function capabilityMask(names: readonly string[]): bigint {
  return names.reduce((mask, name) => {
    const number = NAMES.indexOf(name);
    return number < 0 ? mask : mask | (1n << BigInt(number));
  }, 0n);
}
