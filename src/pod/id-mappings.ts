import type { IdMapping, IdMappings } from "../sys/linux/user-namespace.ts";
import { PodError } from "./errors.ts";

/** Ids that follow one another. */
export interface IdRange {
  readonly start: number;
  readonly size: number;
}

/** The kernel's limit. Spec: user_namespaces(7), "User and group ID mappings" */
const MAX_LINES = 340;
/** 4294967295 means "no id". */
const END_OF_IDS = 0xffff_ffff;

/**
 * Asserts that the kernel will take these maps, and that the pod gets a root user and group.
 * @param host Ids that this process has to give: those of its own user namespace.
 * @throws {PodError} "pod/bad-option"
 */
export function assertIdMappings(
  maps: IdMappings,
  host: { readonly uids: readonly IdRange[]; readonly gids: readonly IdRange[] },
): void {
  for (const [what, map, ids] of [
    ["user", maps.uidMappings, host.uids],
    ["group", maps.gidMappings, host.gids],
  ] as const) {
    assertIdMap(map, { what, host: ids });
    if (map.some(({ containerId }) => containerId === 0)) continue;
    throw new PodError("pod/bad-option", `Cannot map ${what} ids: no id of the host is ${what} 0 of the pod`, {
      hint: `map it too: ${flagOf(what)}=0:HOST:SIZE`,
    });
  }
}

function flagOf(what: "user" | "group"): string {
  return what === "user" ? "--uidmap" : "--gidmap";
}

/** Asserts that the kernel will take one map. @throws {PodError} "pod/bad-option" */
export function assertIdMap(
  map: readonly IdMapping[],
  { what, host }: { readonly what: "user" | "group"; readonly host: readonly IdRange[] },
): void {
  const refuse = (state: string, hint: string) =>
    new PodError("pod/bad-option", `Cannot map ${what} ids: ${state}`, { hint });
  if (map.length > MAX_LINES) throw refuse(`${map.length} ranges are more than the kernel's ${MAX_LINES}`, "join some");
  for (const one of map) {
    const { containerId, hostId, size } = one;
    const text = `${containerId}:${hostId}:${size}`;
    if (size < 1) throw refuse(`"${text}" maps nothing`, `write a size of 1 or more`);
    if (containerId + size > END_OF_IDS || hostId + size > END_OF_IDS)
      throw refuse(`"${text}" goes beyond the last id, ${END_OF_IDS - 1}`, "choose smaller ids or a smaller size");
    if (!covers(host, { start: hostId, size }))
      throw refuse(`this host has not all of the ids ${hostId} to ${hostId + size - 1}`, "see /proc/self/uid_map");
  }
  for (const side of ["containerId", "hostId"] as const) {
    const sorted = map.toSorted((a, b) => a[side] - b[side]);
    const twice = sorted.find((one, at) => {
      const before = sorted[at - 1];
      return before !== undefined && before[side] + before.size > one[side];
    });
    if (twice === undefined) continue;
    const place = side === "containerId" ? "inside" : "on the host";
    throw refuse(`id ${twice[side]} ${place} is mapped twice`, "let no two ranges overlap");
  }
}

/** The host's id for one of the pod's; undefined when it has none. */
export function hostIdOf(map: readonly IdMapping[], id: number): number | undefined {
  const found = map.find(({ containerId, size }) => id >= containerId && id < containerId + size);
  return found === undefined ? undefined : found.hostId + id - found.containerId;
}

/** The kernel's id for those that a user namespace does not know, by default. */
const OVERFLOW_ID = 65_534;

/** The pod's id for one of the host's. */
export function podIdOf(map: readonly IdMapping[], id: number): number {
  const found = map.find(({ hostId, size }) => id >= hostId && id < hostId + size);
  return found === undefined ? OVERFLOW_ID : found.containerId + id - found.hostId;
}

/** Ids a process has of its own user namespace. Spec: user_namespaces(7), /proc/PID/uid_map */
export function parseIdMapFile(text: string): IdRange[] {
  return text.split("\n").flatMap((line) => {
    const [start, , size] = line.trim().split(/\s+/).map(Number);
    return start === undefined || size === undefined || Number.isNaN(start) ? [] : [{ start, size }];
  });
}

function covers(ranges: readonly IdRange[], wanted: IdRange): boolean {
  return subtractRanges([wanted], ranges).length === 0;
}

/** What is left of `ranges` without `taken`, in ascending order. */
export function subtractRanges(ranges: readonly IdRange[], taken: readonly IdRange[]): IdRange[] {
  let left = ranges.toSorted((a, b) => a.start - b.start);
  for (const { start, size } of taken) {
    const end = start + size;
    left = left.flatMap((one) => {
      const oneEnd = one.start + one.size;
      const parts = [
        { start: one.start, size: Math.min(start, oneEnd) - one.start },
        { start: Math.max(end, one.start), size: oneEnd - Math.max(end, one.start) },
      ];
      return parts.filter((part) => part.size > 0);
    });
  }
  return left;
}
