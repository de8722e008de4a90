import { allocateIds } from "../pod/allocate-ids.ts";
import { PodError } from "../pod/errors.ts";
import { assertIdMappings, type IdRange, parseIdMapFile, subtractRanges } from "../pod/id-mappings.ts";
import type { UserNamespace } from "../pod/manifest.ts";
import type { UserNamespaceOption } from "../pod/options.ts";
import { type PodLocation, readPodManifest } from "../pod/pod-store.ts";
import { parseSubordinateIds } from "../pod/subordinate-ids.ts";
import type { IdMapping, IdMappings } from "../sys/linux/user-namespace.ts";
import type { EngineContext } from "./context.ts";

const LOCK = "userns.lock";
const TEXT_LIMIT = 1024 * 1024;

/** The user namespace a new pod gets. Its ids are nobody else's once the manifest is written: dispose of it after that. */
export interface PlannedUserNamespace extends Disposable {
  readonly member: { readonly userns?: UserNamespace };
}

/**
 * Decides the ids of a new pod. Manifests of existing pods are the only record of who has which, so nothing can be lost
 * or left over; one lock keeps two pods from choosing at the same time.
 * @throws {PodError} "pod/bad-option", "pod/no-id-range", "pod/ids-taken"
 */
export function planUserNamespace(ctx: EngineContext, option: UserNamespaceOption | undefined): PlannedUserNamespace {
  if (option === undefined) return { member: {}, [Symbol.dispose]: () => {} };
  const own = readOwnIds(ctx);
  const lock = ctx.root.lock(LOCK, { kind: "exclusive", wait: true });
  try {
    const others = readOtherMaps(ctx);
    const userns = option.kind === "auto" ? chooseIds(ctx, { option, own, others }) : option;
    assertIdMappings(userns, own);
    if (option.kind === "explicit") assertNobodysOwn(option, others);
    return { member: { userns }, [Symbol.dispose]: () => lock?.[Symbol.dispose]() };
  } catch (reason) {
    lock?.[Symbol.dispose]();
    throw reason;
  }
}

/** The ids this process has to give. */
export function readOwnIds(ctx: EngineContext): Choice["own"] {
  return {
    uids: parseIdMapFile(ctx.proc.readText("self/uid_map")),
    gids: parseIdMapFile(ctx.proc.readText("self/gid_map")),
  };
}

/** Maps of all pods there are. A pod that moves on while it is read is looked for again: none may be missed. */
function readOtherMaps(ctx: EngineContext): UserNamespace[] {
  const read = (location: PodLocation): UserNamespace[] => {
    const manifest = readPodManifest(ctx.pods.files(location));
    if (manifest !== undefined) return manifest.userns === undefined ? [] : [manifest.userns];
    const now = ctx.pods.list().find(({ id }) => id === location.id);
    return now === undefined || now.dir === location.dir ? [] : read(now);
  };
  return ctx.pods.list().flatMap(read);
}

/** Ids that were chosen for one pod stay its own. */
function assertNobodysOwn(wanted: IdMappings, others: readonly UserNamespace[]): void {
  const auto = others.filter(({ kind }) => kind === "auto");
  for (const key of ["uidMappings", "gidMappings"] as const) {
    const clash = intersect(
      wanted[key].map(onHost),
      auto.flatMap((one) => one[key].map(onHost)),
    )[0];
    if (clash === undefined) continue;
    throw new PodError("pod/ids-taken", `Cannot map id ${clash.start} of the host: it was chosen for another pod`, {
      hint: "map ids outside of those that /etc/subuid and /etc/subgid give to containers, or use --userns=auto",
      data: { ...clash },
    });
  }
}

function onHost({ hostId, size }: IdMapping): IdRange {
  return { start: hostId, size };
}

interface Choice {
  readonly option: UserNamespaceOption & { readonly kind: "auto" };
  readonly own: { readonly uids: readonly IdRange[]; readonly gids: readonly IdRange[] };
  readonly others: readonly UserNamespace[];
}

function chooseIds(ctx: EngineContext, { option, own, others }: Choice): UserNamespace {
  const read = (rel: string) => (ctx.host.has(rel) ? ctx.host.readText(rel, TEXT_LIMIT) : "");
  const offered = parseSubordinateIds({ subuid: read("etc/subuid"), subgid: read("etc/subgid") });
  const { size } = option;
  return {
    kind: "auto",
    uidMappings: allocateIds({
      what: "user",
      size,
      fixed: option.uidMappings,
      offered: intersect(offered.uids, own.uids),
      taken: others.flatMap(({ uidMappings }) => uidMappings.map(onHost)),
    }),
    gidMappings: allocateIds({
      what: "group",
      size,
      fixed: option.gidMappings,
      offered: intersect(offered.gids, own.gids),
      taken: others.flatMap(({ gidMappings }) => gidMappings.map(onHost)),
    }),
  };
}

function intersect(a: readonly IdRange[], b: readonly IdRange[]): IdRange[] {
  return subtractRanges(a, subtractRanges(a, b));
}
