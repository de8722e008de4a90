import type { PodApp, PodManifest } from "../../pod/manifest.ts";
import type { Files } from "../../sys/host.ts";

/** A mount as the runtime takes it. */
export type VolumeMount = {
  readonly destination: string;
  readonly type: "bind";
  readonly source: string;
  readonly options: readonly string[];
};

/**
 * The volumes of an app as mounts of their own. They lie in the root file system already, which is enough for the host's
 * kernel; a sandbox that is given a read-only root, however, takes everything beneath for read-only.
 */
export function planVolumeMounts(
  pod: Pick<Files, "path">,
  { app, volumes }: { readonly app: Pick<PodApp, "mounts">; readonly volumes: PodManifest["volumes"] },
): VolumeMount[] {
  return app.mounts.flatMap((mount): VolumeMount[] => {
    const volume = volumes.find((one) => one.name === mount.volume);
    if (volume === undefined) return [];
    const source = volume.kind === "host" ? volume.source : pod.path(`volumes/${volume.name}`);
    const isReadOnly = mount.readOnly || (volume.kind === "host" && volume.readOnly);
    return [
      {
        destination: mount.target,
        type: "bind",
        source,
        options: ["rbind", "nodev", isReadOnly ? "ro" : "rw"],
      },
    ];
  });
}
