import { AT_FDCWD, O_CLOEXEC, O_RDONLY } from "../sys/linux/constants.ts";
import { openat2 } from "../sys/linux/fs-calls.ts";
import { OwnedFd } from "../sys/linux/owned-fd.ts";
import type { IdMapping, IdMappings } from "../sys/linux/user-namespace.ts";
import { PodError } from "./errors.ts";
import { assertIdMap, hostIdOf, type IdRange } from "./id-mappings.ts";
import type { PodManifest } from "./manifest.ts";
import type { MountOption, VolumeIdRange } from "./options.ts";
import type { PodIdmap } from "./pod-idmap.ts";
import type { LaunchInput } from "./stage1-contract.ts";

/** A volume whose owners are mapped as the user says, in one app. */
export interface MappedVolume {
  readonly app: string;
  readonly target: string;
  readonly source: string;
  readonly recursive: boolean;
  readonly maps: IdMappings;
}

/**
 * The volumes of a pod with maps of their own, as the kernel takes these.
 * @param host Ids that this process has to give. @throws {PodError} "pod/bad-option"
 */
export function planMappedVolumes(
  { apps, volumes, userns }: Pick<PodManifest, "apps" | "volumes" | "userns">,
  host: { readonly uids: readonly IdRange[]; readonly gids: readonly IdRange[] },
): MappedVolume[] {
  return apps.flatMap(({ name: app, mounts }) =>
    mounts.flatMap(({ volume, target, idmap }): MappedVolume[] => {
      if (idmap === undefined || idmap === true) return [];
      const found = volumes.find(({ name }) => name === volume);
      if (found?.kind !== "host") {
        throw new PodError("pod/bad-option", `Cannot map the owners in the empty volume at "${target}"`, {
          hint: "leave out idmap: an empty volume has the pod's owners anyway",
        });
      }
      const maps = {
        uidMappings: resolve(idmap.uids, userns?.uidMappings),
        gidMappings: resolve(idmap.gids, userns?.gidMappings),
      };
      assertIdMap(maps.uidMappings, { what: "user", host: host.uids });
      assertIdMap(maps.gidMappings, { what: "group", host: host.gids });
      return [{ app, target, source: found.source, recursive: found.recursive, maps }];
    }),
  );
}

function resolve(ranges: readonly VolumeIdRange[], pod: readonly IdMapping[] | undefined): IdMapping[] {
  return ranges.map(({ fileId, id, size, isOfPod }) => {
    const isMapped = isOfPod && pod !== undefined;
    const first = isMapped ? hostIdOf(pod, id) : id;
    const last = isMapped ? hostIdOf(pod, id + size - 1) : id + size - 1;
    if (first !== undefined && last === first + size - 1) return { containerId: fileId, hostId: first, size };
    throw new PodError("pod/bad-option", `Cannot map owners to the pod's ids ${id} to ${id + size - 1}`, {
      hint: "use ids that its user namespace maps, and a range for each of its ranges",
    });
  });
}

/** Descriptor of the user namespace with the ids of a volume; undefined: they are the file system's own. */
export function openVolumeIdmap(
  input: Pick<LaunchInput, "volumeIdmaps">,
  { app, mount, idmap }: { readonly app: string; readonly mount: MountOption; readonly idmap: PodIdmap | undefined },
): OwnedFd | undefined {
  if (mount.idmap === undefined) return undefined;
  const path = mount.idmap === true ? idmap?.file : input.volumeIdmaps?.get(volumeIdmapKey(app, mount.target));
  if (path !== undefined) return new OwnedFd(openat2(AT_FDCWD, path, { flags: O_RDONLY | O_CLOEXEC }));
  throw new PodError("pod/no-idmap", `Cannot map the owners of the volume at "${mount.target}": nothing says to whom`, {
    hint: "leave out idmap",
  });
}

/** Names the volume of one app in `volumeIdmaps`. */
export function volumeIdmapKey(app: string, target: string): string {
  return `${app} ${target}`;
}
