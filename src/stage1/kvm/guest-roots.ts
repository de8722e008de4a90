import { mergeEnv } from "../../pod/environment.ts";
import type { PodApp } from "../../pod/manifest.ts";
import { makeEmptyVolumes, mountAppRoot } from "../../pod/pod-tree.ts";
import { openAppRoot, resolveApp } from "../../pod/resolve-app.ts";
import { type ResolvedApp, writeResolvedApp } from "../../pod/resolved-app.ts";
import type { LaunchInput } from "../../pod/stage1-contract.ts";
import { AT_FDCWD } from "../../sys/linux/constants.ts";
import { readlinkat } from "../../sys/linux/fs-calls.ts";
import { listMounts } from "../../sys/linux/mount-table.ts";
import { unmount } from "../../sys/linux/mounts.ts";
import { RootedDir } from "../../sys/linux/rooted-dir.ts";
import type { GuestBind } from "./pod-script.ts";

/** An app as its guest will mount and start it. */
export interface GuestApp {
  readonly resolved: ResolvedApp;
  /** What is shown inside its root; targets are relative to that root and free of links. */
  readonly binds: readonly GuestBind[];
}

/**
 * Looks at every app's root as it will be: mounts it on this host for a moment, as the other regimes do, so that users,
 * programs and mount points are found by the same rules, and what had to be made for them is in `apps/<app>/upper`.
 * Runs in the pod's own mount namespace and leaves no mount.
 */
export function prepareGuestApps(input: LaunchInput, stdin: ResolvedApp["stdin"]): GuestApp[] {
  makeEmptyVolumes(input.pod, input.manifest);
  try {
    return input.manifest.apps.map((app) => prepareApp(input, app, stdin));
  } finally {
    unmountBeneath(input.pod.root);
  }
}

function prepareApp(input: LaunchInput, app: PodApp, stdin: ResolvedApp["stdin"]): GuestApp {
  mountAppRoot(input, app, { dirs: ["/run/systemd/incoming"] });
  const rootfs = input.pod.path(`apps/${app.name}/rootfs`);
  const resolved = resolveApp(openAppRoot(rootfs), app, stdin);
  writeResolvedApp(input.pod, resolved);
  using root = RootedDir.open(rootfs);
  const place = (target: string): string => {
    using at = root.resolve(target, { follow: true });
    return new TextDecoder().decode(readlinkat(AT_FDCWD, at.procPath)).slice(rootfs.length);
  };
  const taken = new Set(app.mounts.map((mount) => mount.target));
  const files = ["resolv.conf", "hosts", "hostname"].filter(
    (name) => !taken.has(`/etc/${name}`) && input.pod.has(`etc/${name}`),
  );
  return {
    resolved: stdin === "tty" ? { ...resolved, env: mergeEnv(["TERM=xterm"], resolved.env) } : resolved,
    binds: [
      ...files.map((name) => ({ source: `/gantry/etc/${name}`, target: place(`/etc/${name}`), readOnly: false })),
      ...app.mounts.map((mount) => ({
        source: volumeSource(input, mount.volume),
        target: place(mount.target),
        readOnly: mount.readOnly,
      })),
    ],
  };
}

function volumeSource({ manifest }: LaunchInput, name: string): string {
  const isHost = manifest.volumes.some((volume) => volume.name === name && volume.kind === "host");
  return isHost ? `/gantry/volumes/${name}` : `/gantry/empty/${name}`;
}

/** Unmounts everything beneath a directory, innermost first. */
export function unmountBeneath(dir: string): void {
  for (const { mountPoint } of listMounts().toReversed()) if (mountPoint.startsWith(`${dir}/`)) unmount(mountPoint);
}
