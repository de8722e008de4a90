import { SysError } from "../sys/errors.ts";
import type { Files } from "../sys/host.ts";
import { AT_FDCWD, AT_SYMLINK_NOFOLLOW } from "../sys/linux/constants.ts";
import { asFileOwner } from "../sys/linux/file-owner.ts";
import { fchmodat, fchownat, fstatat } from "../sys/linux/fs-calls.ts";
import { bindMount, type MountPropagation, setReadOnly } from "../sys/linux/mounts.ts";
import { mountOverlay } from "../sys/linux/overlay.ts";
import { RootedDir } from "../sys/linux/rooted-dir.ts";
import { PodError } from "./errors.ts";
import type { PodApp, PodManifest } from "./manifest.ts";
import type { PodIdmap } from "./pod-idmap.ts";
import type { SharedVolumes } from "./shared-volumes.ts";
import type { LaunchInput } from "./stage1-contract.ts";
import { openVolumeIdmap } from "./volume-idmap.ts";

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
 * @param idmap Gives everything but volumes of the host the ids of the pod's user namespace.
 * @throws {PodError} "pod/missing-volume"
 */
export function mountAppRoot(
  input: LaunchInput,
  app: PodApp,
  options: {
    readonly dirs?: readonly string[];
    readonly shared?: SharedVolumes;
    readonly idmap?: PodIdmap | undefined;
  } = {},
): void {
  const { pod } = input;
  const base = `apps/${app.name}`;
  for (const dir of ["upper", "work", "rootfs"]) pod.ensureDir(`${base}/${dir}`, 0o755);
  if (app.image.rootLayer !== undefined)
    copyRootAttributes(input.layerPath(app.image.rootLayer), pod.path(`${base}/upper`));
  // Before this process makes files in another's name.
  for (const [path, text] of etcFiles(input)) if (!pod.has(path)) pod.writePlain(path, text, 0o644);
  const fill = () => mountAndFill(input, { app, ...options });
  if (options.idmap === undefined) fill();
  else asFileOwner(options.idmap.owner, fill);
}

function mountAndFill(
  input: LaunchInput,
  {
    app,
    dirs = [],
    shared,
    idmap,
  }: {
    readonly app: PodApp;
    readonly dirs?: readonly string[];
    readonly shared?: SharedVolumes;
    readonly idmap?: PodIdmap | undefined;
  },
): void {
  const base = input.pod.path(`apps/${app.name}`);
  const rootfs = `${base}/rootfs`;
  const layers = app.image.layers.map((layer) => input.layerPath(layer)).toReversed();
  const own = idmap?.bind(base, `own/${app.name}`) ?? base;
  mountOverlay({
    lowers: idmap === undefined ? layers : layers.map((layer, at) => idmap.bind(layer, `layers/${app.name}/${at}`)),
    upper: `${own}/upper`,
    work: `${own}/work`,
    target: rootfs,
    nodev: true,
  });
  using root = RootedDir.open(rootfs);
  for (const [path, modeOctal] of [...APP_DIRS, ...dirs.map((dir) => [dir, 0o755] as const)])
    if (root.stat(path) === undefined) root.ensureDir(path, modeOctal)[Symbol.dispose]();
  root.ensureDir(app.workingDir, 0o755)[Symbol.dispose]();
  bindEtcFiles(input, { app, root, idmap });
  for (const mount of app.mounts) mountVolume(input, { app, root, mount, idmap, tree: shared?.find(app, mount) });
  if (app.readOnlyRootfs) setReadOnly(rootfs);
}

function bindEtcFiles(
  input: LaunchInput,
  { app, root, idmap }: { readonly app: PodApp; readonly root: RootedDir; readonly idmap: PodIdmap | undefined },
): void {
  const taken = new Set(app.mounts.map((mount) => mount.target));
  for (const [rel] of etcFiles(input)) {
    const target = `/${rel}`;
    if (taken.has(target)) continue;
    bindOnto(root, { source: input.pod.path(rel), target, isDir: false, readOnly: false, ...mapped(idmap) });
  }
}

/** Files by their names in the pod's directory, which are those in the app's root. */
function etcFiles({ etcFiles: { resolvConf, hosts, hostname } }: LaunchInput): (readonly [string, string])[] {
  const files = [
    ["etc/resolv.conf", resolvConf] as const,
    ["etc/hosts", hosts] as const,
    ["etc/hostname", hostname] as const,
  ];
  return files.flatMap(([rel, text]) => (text === undefined ? [] : [[rel, text] as const]));
}

function mountVolume(
  input: LaunchInput,
  {
    app,
    root,
    mount,
    tree,
    idmap,
  }: {
    readonly app: PodApp;
    readonly root: RootedDir;
    readonly mount: PodApp["mounts"][number];
    readonly tree: number | undefined;
    readonly idmap: PodIdmap | undefined;
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
    using owners = openVolumeIdmap(input, { app: app.name, mount, idmap });
    bindOnto(root, {
      source: volume.source,
      target: mount.target,
      isDir,
      readOnly,
      recursive: volume.recursive,
      ...(mount.propagation === undefined ? {} : { propagation: mount.propagation }),
      ...(tree === undefined ? {} : { tree }),
      ...mapped(owners),
    });
    return;
  }
  bindOnto(root, {
    source: input.pod.path(`volumes/${volume.name}`),
    target: mount.target,
    isDir: true,
    readOnly: mount.readOnly,
    ...mapped(idmap),
  });
}

function mapped(idmap: { readonly fd: number } | undefined): { readonly idmap?: number } {
  return idmap === undefined ? {} : { idmap: idmap.fd };
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
    readonly idmap?: number;
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
      ...(mount.idmap === undefined ? {} : { idmap: mount.idmap }),
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
