import { listMounts } from "../sys/linux/mount-table.ts";
import { cloneMounts } from "../sys/linux/mounts.ts";
import type { OwnedFd } from "../sys/linux/owned-fd.ts";
import { realPath } from "../sys/linux/real-path.ts";
import { PodError } from "./errors.ts";
import type { PodApp } from "./manifest.ts";
import type { MountOption } from "./options.ts";
import type { LaunchInput } from "./stage1-contract.ts";

/** Volumes whose mounts pass in both directions, opened where the host's mounts still are. */
export class SharedVolumes implements Disposable {
  readonly #trees: ReadonlyMap<string, OwnedFd>;

  constructor(trees: ReadonlyMap<string, OwnedFd>) {
    this.#trees = trees;
  }

  /** Descriptor of the copy that is this app's. */
  find(app: Pick<PodApp, "name">, mount: MountOption): number | undefined {
    return this.#trees.get(keyOf(app, mount))?.fd;
  }

  [Symbol.dispose](): void {
    for (const tree of this.#trees.values()) tree[Symbol.dispose]();
  }
}

/**
 * Opens the volumes of a pod that are `shared` or `rshared`. Call it before the pod's own mount namespace is entered: a copy
 * made there would be nobody's peer. @throws {PodError} "pod/bad-option" for a place on the host that has no peers
 */
export function openSharedVolumes({
  manifest,
  hostPathKind,
}: Pick<LaunchInput, "manifest" | "hostPathKind">): SharedVolumes {
  const trees = new Map<string, OwnedFd>();
  for (const app of manifest.apps) {
    for (const mount of app.mounts) {
      const volume = manifest.volumes.find(({ name }) => name === mount.volume);
      if (mount.propagation?.endsWith("shared") !== true || volume?.kind !== "host") continue;
      if (hostPathKind(volume.source) === undefined) continue; // told when it is to be mounted
      assertShared(volume.source);
      trees.set(keyOf(app, mount), cloneMounts(volume.source, { recursive: volume.recursive }));
    }
  }
  return new SharedVolumes(trees);
}

function assertShared(source: string): void {
  const path = realPath(source);
  const above = listMounts().filter(
    ({ mountPoint }) => path === mountPoint || path.startsWith(mountPoint === "/" ? "/" : `${mountPoint}/`),
  );
  // The deepest, and of several on one place the last.
  const at = above.toSorted((a, b) => a.mountPoint.length - b.mountPoint.length).at(-1);
  if (at === undefined || at.isShared) return;
  throw new PodError(
    "pod/bad-option",
    `Cannot share mounts of "${source}" with an app: "${at.mountPoint}" is private to the host`,
    {
      hint: `make it shared first: mount --make-shared ${at.mountPoint}`,
      data: { source },
    },
  );
}

function keyOf(app: Pick<PodApp, "name">, mount: MountOption): string {
  return `${app.name} ${mount.target}`;
}
