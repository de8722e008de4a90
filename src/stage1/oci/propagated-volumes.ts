import type { PodApp } from "../../pod/manifest.ts";
import type { PodIdmap } from "../../pod/pod-idmap.ts";
import type { SharedVolumes } from "../../pod/shared-volumes.ts";
import type { LaunchInput } from "../../pod/stage1-contract.ts";
import { openVolumeIdmap } from "../../pod/volume-idmap.ts";
import { bindMount } from "../../sys/linux/mounts.ts";
import { Stage1Error } from "../errors.ts";

type Json = Readonly<Record<string, unknown>>;

/** An app without the volumes that the runtime mounts, and what the runtime needs for them. */
export interface PropagatedVolumes {
  readonly app: PodApp;
  /** Where they will be, to be there also in a read-only root. */
  readonly dirs: readonly string[];
  readonly mounts: readonly Json[];
}

/**
 * Volumes that say how mounts pass between host and app are left to the runtime: what is mounted in the root before, crun
 * makes private. They get a place of their own beside the root, where they already pass mounts as asked.
 * @throws {Stage1Error} "stage1/unsupported" for a file
 */
export function stagePropagatedVolumes(
  input: LaunchInput,
  {
    app,
    volumes,
    idmap,
  }: { readonly app: PodApp; readonly volumes: SharedVolumes; readonly idmap: PodIdmap | undefined },
): PropagatedVolumes {
  const left = app.mounts.filter(({ propagation }) => propagation !== undefined);
  const mounts = left.flatMap((mount, index): Json[] => {
    const { target, propagation, readOnly } = mount;
    const volume = input.manifest.volumes.find(({ name }) => name === mount.volume);
    const source = volume?.kind === "host" ? volume.source : input.pod.path(`volumes/${mount.volume}`);
    if (volume === undefined || propagation === undefined) return []; // refused when it was planned
    if (input.hostPathKind(source) !== "dir") {
      throw new Stage1Error("stage1/unsupported", `Cannot mount "${source}" as ${propagation}: it is no directory`, {
        hint: "name a directory of this host, or leave the propagation out",
        data: { source },
      });
    }
    const staged = placeVolume(input, { rel: `${app.name}/propagated/${index}`, idmap });
    using own = openVolumeIdmap(input, { app: app.name, mount, idmap });
    const owners = volume.kind === "empty" ? idmap : own;
    const tree = volumes.find(app, mount);
    const recursive = volume.kind === "host" ? volume.recursive : false;
    bindMount({
      source,
      target: staged,
      recursive,
      nodev: true,
      propagation,
      ...(tree === undefined ? {} : { tree }),
      ...(owners === undefined ? {} : { idmap: owners.fd }),
    });
    const isReadOnly = readOnly || (volume.kind === "host" && volume.readOnly);
    const options = [recursive ? "rbind" : "bind", propagation, "nodev", isReadOnly ? "ro" : "rw"];
    return [{ destination: target, type: "bind", source: staged, options }];
  });
  return {
    app:
      left.length === 0 ? app : { ...app, mounts: app.mounts.filter(({ propagation }) => propagation === undefined) },
    dirs: left.map(({ target }) => target),
    mounts,
  };
}

function placeVolume(
  { pod }: LaunchInput,
  { rel, idmap }: { readonly rel: string; readonly idmap: PodIdmap | undefined },
): string {
  if (idmap !== undefined) return idmap.place(rel);
  pod.ensureDir(`apps/${rel}`, 0o700);
  return pod.path(`apps/${rel}`);
}
