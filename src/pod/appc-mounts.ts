import type { MountPoint } from "../image/aci/app.ts";
import type { MountOption, VolumeOption } from "./options.ts";

/** Mounts of an app, and the volumes that had to be made for them. */
export interface AppcMounts {
  readonly mounts: readonly MountOption[];
  readonly volumes: readonly VolumeOption[];
}

/**
 * Gives every mount point of an appc image what it expects: a mount at its path that was asked for, else the pod's volume
 * of its name, else an empty volume made for it, as rkt did.
 */
export function planAppcMounts(
  app: { readonly name: string; readonly mounts: readonly MountOption[] },
  { points, volumes }: { readonly points: readonly MountPoint[]; readonly volumes: readonly VolumeOption[] },
): AppcMounts {
  const made: VolumeOption[] = [];
  const mounts = [...app.mounts];
  for (const { name, path, readOnly } of points) {
    const at = mounts.findIndex((mount) => mount.target === path);
    const asked = mounts[at];
    if (asked !== undefined) {
      mounts[at] = { ...asked, readOnly: asked.readOnly || readOnly };
      continue;
    }
    const volume = volumes.some((one) => one.name === name) ? name : `${app.name}-${name}`;
    const isThere = [...volumes, ...made].some((one) => one.name === volume);
    if (!isThere) made.push({ kind: "empty", name: volume, modeOctal: 0o755, uid: 0, gid: 0 });
    mounts.push({ volume, target: path, readOnly });
  }
  return { mounts, volumes: made };
}
