import { SysError } from "../sys/errors.ts";
import type { Files } from "../sys/host.ts";
import { AT_FDCWD, AT_SYMLINK_NOFOLLOW } from "../sys/linux/constants.ts";
import { fchmodat, fchownat, fstatat } from "../sys/linux/fs-calls.ts";
import { bindMount, type MountPropagation, setReadOnly } from "../sys/linux/mounts.ts";
import { mountOverlay } from "../sys/linux/overlay.ts";
import { RootedDir } from "../sys/linux/rooted-dir.ts";
import { PodError } from "./errors.ts";
import type { PodApp, PodManifest } from "./manifest.ts";
import type { SharedVolumes } from "./shared-volumes.ts";
import type { LaunchInput } from "./stage1-contract.ts";

/** Directories every app finds, whatever its image has. */
const APP_DIRS: readonly (readonly [string, number])[] = [
  ["/proc", 0o555],
  ["/sys", 0o555],
  ["/dev", 0o755],
  ["/etc", 0o755],
  ["/tmp", 0o1777],
];

/**
 * Mounts an app's root file system at `apps/<app>/rootfs` of the pod directory, volumes and name-service files in
 * place. Runs in the pod's own mount namespace. Every path of the image is resolved beneath the root's handle.
 * @param dirs More directories the regime needs there before the root may become read-only.
 * @param shared What `openSharedVolumes` opened before this mount namespace was entered.
 * @throws {PodError} "pod/missing-volume"
 */
export function mountAppRoot(
  input: LaunchInput,
  app: PodApp,
  { dirs = [], shared }: { readonly dirs?: readonly string[]; readonly shared?: SharedVolumes } = {},
): void {
  const { pod } = input;
  const base = `apps/${app.name}`;
  for (const dir of ["upper", "work", "rootfs"]) pod.ensureDir(`${base}/${dir}`, 0o755);
  const rootfs = pod.path(`${base}/rootfs`);
  if (app.image.rootLayer !== undefined)
    copyRootAttributes(input.layerPath(app.image.rootLayer), pod.path(`${base}/upper`));
  mountOverlay({
    lowers: app.image.layers.map((layer) => input.layerPath(layer)).toReversed(),
    upper: pod.path(`${base}/upper`),
    work: pod.path(`${base}/work`),
    target: rootfs,
    nodev: true,
  });
  using root = RootedDir.open(rootfs);
  for (const [path, modeOctal] of [...APP_DIRS, ...dirs.map((dir) => [dir, 0o755] as const)])
    if (root.stat(path) === undefined) root.ensureDir(path, modeOctal)[Symbol.dispose]();
  root.ensureDir(app.workingDir, 0o755)[Symbol.dispose]();
  bindEtcFiles(input, { app, root });
  for (const mount of app.mounts) mountVolume(input, { app, root, mount, tree: shared?.find(app, mount) });
  if (app.readOnlyRootfs) setReadOnly(rootfs);
}

function bindEtcFiles(input: LaunchInput, { app, root }: { readonly app: PodApp; readonly root: RootedDir }): void {
  const taken = new Set(app.mounts.map((mount) => mount.target));
  const files: readonly (readonly [string, string | undefined])[] = [
    ["/etc/resolv.conf", input.etcFiles.resolvConf],
    ["/etc/hosts", input.etcFiles.hosts],
    ["/etc/hostname", input.etcFiles.hostname],
  ];
  for (const [path, text] of files) {
    if (text === undefined || taken.has(path)) continue;
    const rel = `etc/${path.slice(5)}`;
    if (!input.pod.has(rel)) input.pod.writePlain(rel, text, 0o644);
    bindOnto(root, { source: input.pod.path(rel), target: path, isDir: false, readOnly: false });
  }
}

function mountVolume(
  input: LaunchInput,
  {
    app,
    root,
    mount,
    tree,
  }: {
    readonly app: PodApp;
    readonly root: RootedDir;
    readonly mount: PodApp["mounts"][number];
    readonly tree: number | undefined;
  },
): void {
  const volume = input.manifest.volumes.find((one) => one.name === mount.volume);
  if (volume === undefined) {
    throw new PodError(
      "pod/missing-volume",
      `Cannot mount volume "${mount.volume}" in app "${app.name}": the pod has no such volume`,
      {
        hint: `declare it: --volume ${mount.volume},kind=host,source=/PATH or --volume ${mount.volume},kind=empty`,
      },
    );
  }
  if (volume.kind === "host") {
    const isDir = hostSourceIsDir(input, volume.source);
    const readOnly = mount.readOnly || volume.readOnly;
    bindOnto(root, {
      source: volume.source,
      target: mount.target,
      isDir,
      readOnly,
      recursive: volume.recursive,
      ...(mount.propagation === undefined ? {} : { propagation: mount.propagation }),
      ...(tree === undefined ? {} : { tree }),
    });
    return;
  }
  bindOnto(root, {
    source: input.pod.path(`volumes/${volume.name}`),
    target: mount.target,
    isDir: true,
    readOnly: mount.readOnly,
  });
}

function hostSourceIsDir(input: LaunchInput, source: string): boolean {
  const kind = input.hostPathKind(source);
  if (kind === undefined) {
    throw new PodError("pod/missing-volume", `Cannot mount host path "${source}": it does not exist`, {
      hint: `make it first: mkdir -p ${source}`,
      data: { source },
    });
  }
  return kind === "dir";
}

function bindOnto(
  root: RootedDir,
  mount: {
    readonly source: string;
    readonly target: string;
    readonly isDir: boolean;
    readonly readOnly: boolean;
    readonly recursive?: boolean;
    readonly propagation?: MountPropagation;
    readonly tree?: number;
  },
): void {
  try {
    using target = mount.isDir ? root.ensureDir(mount.target, 0o755) : root.ensureFile(mount.target);
    bindMount({
      source: mount.source,
      target: target.fd,
      recursive: mount.recursive ?? true,
      readOnly: mount.readOnly,
      nodev: true,
      ...(mount.propagation === undefined ? {} : { propagation: mount.propagation }),
      ...(mount.tree === undefined ? {} : { tree: mount.tree }),
    });
  } catch (reason) {
    if (!(reason instanceof SysError)) throw reason;
    throw new PodError(
      "pod/bad-option",
      `Cannot mount "${mount.source}" at "${mount.target}" in the app: ${reason.message}`,
      {
        hint: "choose a target that is a directory for a directory and a file for a file",
        cause: reason,
      },
    );
  }
}

// Overlayfs shows the top directory's attributes as the root's, and the top one is the pod's own.
function copyRootAttributes(from: string, to: string): void {
  const { mode, uid, gid } = fstatat(AT_FDCWD, from, AT_SYMLINK_NOFOLLOW);
  fchownat(AT_FDCWD, to, uid, gid, AT_SYMLINK_NOFOLLOW);
  fchmodat(AT_FDCWD, to, mode & 0o7777);
}

/** Makes the directories of empty volumes, with the owner and mode asked for. */
export function makeEmptyVolumes(pod: Files, manifest: PodManifest): void {
  for (const volume of manifest.volumes) {
    if (volume.kind !== "empty" || pod.has(`volumes/${volume.name}`)) continue;
    pod.ensureDir(`volumes/${volume.name}`, volume.modeOctal);
    pod.setOwner(`volumes/${volume.name}`, { uid: volume.uid, gid: volume.gid, modeOctal: volume.modeOctal });
  }
}
