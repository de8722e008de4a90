import { SUBORDINATE_USER } from "../../pod/subordinate-ids.ts";
import type { EngineContext } from "../context.ts";
import type { DoctorCheck } from "../use-cases.ts";
import { storeMount } from "./check-store.ts";
import { findProgram, passed, readIfThere, warned } from "./section.ts";

/** Kernels from which a file system can be mounted with other ids; overlayfs takes such layers from 5.19 on. */
const MAPPED_SINCE: ReadonlyMap<string, readonly [number, number]> = new Map([
  ["ext4", [5, 19]],
  ["xfs", [5, 19]],
  ["btrfs", [5, 19]],
  ["f2fs", [5, 19]],
  ["tmpfs", [6, 3]],
  ["bcachefs", [6, 10]],
  ["zfs", [5, 19]],
]);

/** What decides whether pods can have ids of their own. */
export interface UserNamespaceFacts {
  readonly release: string;
  /** /proc/sys/user/max_user_namespaces; undefined: the kernel has none. */
  readonly limit: string | undefined;
  readonly fsType: string;
  readonly hasUnshare: boolean;
  /** Whether /etc/subuid and /etc/subgid have a line for containers. */
  readonly subordinate: readonly [boolean, boolean];
}

/** Whether pods can have user namespaces (`--userns=auto`). */
export async function checkUserNamespaces(ctx: EngineContext): Promise<readonly DoctorCheck[]> {
  const has = (file: string) =>
    (readIfThere(ctx.host, file) ?? "").split("\n").some((line) => line.startsWith(`${SUBORDINATE_USER}:`));
  return [
    judgeUserNamespaces({
      release: readIfThere(ctx.proc, "sys/kernel/osrelease") ?? "",
      limit: ctx.proc.has("self/ns/user") ? readIfThere(ctx.proc, "sys/user/max_user_namespaces") : undefined,
      fsType: storeMount(ctx)?.fsType ?? "an unknown file system",
      hasUnshare: findProgram(ctx, "unshare") !== undefined,
      subordinate: [has("etc/subuid"), has("etc/subgid")],
    }),
  ];
}

/** Judges what was found. Pure. */
export function judgeUserNamespaces(facts: UserNamespaceFacts): DoctorCheck {
  const name = "user namespaces";
  const { release, limit, fsType, subordinate } = facts;
  if (limit === undefined) return warned(name, "the kernel has none", "boot a kernel with CONFIG_USER_NS");
  if (limit === "0") return warned(name, "the host allows none", "allow them: sysctl user.max_user_namespaces=10000");
  if (!facts.hasUnshare) return warned(name, "unshare is not installed", "install it: apt-get install util-linux");
  const since = MAPPED_SINCE.get(fsType);
  if (since === undefined)
    return warned(name, `${fsType} cannot be mounted with other ids`, "keep --root on ext4, xfs or btrfs");
  const [, major = "0", minor = "0"] = /^(\d+)\.(\d+)/.exec(release) ?? [];
  if (Number(major) < since[0] || (Number(major) === since[0] && Number(minor) < since[1]))
    return warned(
      name,
      `Linux ${release} cannot map ids of ${fsType} under overlayfs`,
      `boot Linux ${since.join(".")} or newer`,
    );
  if (subordinate[0] !== subordinate[1]) {
    const lacking = subordinate[0] ? "/etc/subgid" : "/etc/subuid";
    return warned(
      name,
      `${lacking} has no ids for "${SUBORDINATE_USER}"`,
      `add ${SUBORDINATE_USER}:START:COUNT to ${lacking}`,
    );
  }
  const from = subordinate[0] ? "/etc/subuid and /etc/subgid" : "the default range";
  return passed(name, `layers on ${fsType} get a pod's ids; --userns=auto takes them from ${from}`);
}
