import type { IdMapping } from "../sys/linux/user-namespace.ts";
import { PodError } from "./errors.ts";
import { type IdRange, subtractRanges } from "./id-mappings.ts";

/** What ids are chosen from, and what for. */
export interface IdChoice {
  readonly what: "user" | "group";
  /** How many ids the pod gets, from 0 on. */
  readonly size: number;
  /** Maps the user insists on; they take the place of chosen ones. */
  readonly fixed: readonly IdMapping[];
  readonly offered: readonly IdRange[];
  /** Host ids of other pods. */
  readonly taken: readonly IdRange[];
}

/**
 * A map with host ids of the pod's own: the first free range that is large enough, else several.
 * @throws {PodError} "pod/no-id-range" when this host offers too few, "pod/ids-taken" when others have them
 */
export function allocateIds({ what, size, fixed, offered, taken }: IdChoice): IdMapping[] {
  const insideFixed = fixed.map(({ containerId, size: many }) => ({ start: containerId, size: many }));
  const onHost = fixed.map(({ hostId, size: many }) => ({ start: hostId, size: many }));
  const wanted = subtractRanges([{ start: 0, size }], insideFixed);
  const count = countOf(wanted);
  const usable = subtractRanges(offered, onHost);
  if (countOf(usable) < count) {
    throw new PodError("pod/no-id-range", `Cannot give the pod ${count} ${what} ids: this host offers it fewer`, {
      hint: `give user "containers" more in /etc/sub${what === "user" ? "uid" : "gid"}, or ask for fewer: --userns=auto:size=N`,
      data: { wanted: count, offered: countOf(usable) },
    });
  }
  const free = subtractRanges(usable, taken);
  if (countOf(free) < count) {
    throw new PodError("pod/ids-taken", `Cannot give the pod ${count} ${what} ids: other pods have them`, {
      hint: "remove pods that have ended: gantry gc --grace-period=0s",
      data: { wanted: count, free: countOf(free) },
    });
  }
  const whole = free.find((range) => range.size >= count);
  return [...fixed, ...pair(wanted, whole === undefined ? free : [whole])].toSorted(
    (a, b) => a.containerId - b.containerId,
  );
}

/** Gives the ids of `inside` in order those of `outside`, of which there are enough. */
function pair(inside: readonly IdRange[], outside: readonly IdRange[]): IdMapping[] {
  const maps: IdMapping[] = [];
  let rest = [...outside];
  for (const range of inside) {
    let { start, size } = range;
    while (size > 0) {
      const [first] = rest;
      if (first === undefined) return maps;
      const many = Math.min(size, first.size);
      maps.push({ containerId: start, hostId: first.start, size: many });
      rest = subtractRanges(rest, [{ start: first.start, size: many }]);
      start += many;
      size -= many;
    }
  }
  return maps;
}

function countOf(ranges: readonly IdRange[]): number {
  return ranges.reduce((sum, { size }) => sum + size, 0);
}
