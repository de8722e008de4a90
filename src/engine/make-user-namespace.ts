import { dirname } from "node:path";
import { PodError } from "../pod/errors.ts";
import type { PodManifest } from "../pod/manifest.ts";
import type { LaunchInput } from "../pod/stage1-contract.ts";
import { planMappedVolumes, volumeIdmapKey } from "../pod/volume-idmap.ts";
import { layerTreePath } from "../store/store-paths.ts";
import { SysError } from "../sys/errors.ts";
import { AT_FDCWD, O_CLOEXEC, O_RDONLY } from "../sys/linux/constants.ts";
import { openat2 } from "../sys/linux/fs-calls.ts";
import { assertIdmappable } from "../sys/linux/mounts.ts";
import { bringLoopbackUpIn } from "../sys/linux/net-namespace.ts";
import { OwnedFd } from "../sys/linux/owned-fd.ts";
import { createUserNamespace, dropNamespaces } from "../sys/linux/user-namespace.ts";
import type { EngineContext } from "./context.ts";
import { readOwnIds } from "./plan-user-namespace.ts";

/**
 * Makes the user namespace that a pod's manifest names, with the namespaces that have to belong to it, and asserts that
 * the files the pod needs can get its ids. Undefined for a pod without.
 * @param netns File of the network namespace to make with it; undefined: the pod uses the host's.
 * @throws {PodError} "pod/no-idmap"; {SysError} "sys/unsupported"
 */
export async function makeUserNamespace(
  ctx: EngineContext,
  { manifest, netns }: { readonly manifest: PodManifest; readonly netns: string | undefined },
): Promise<LaunchInput["userns"]> {
  const { userns, uuid } = manifest;
  if (userns === undefined) return undefined;
  const dir = usernsDir(ctx, uuid);
  ctx.run.ensureDir(`userns/${uuid}`, 0o700);
  const files = { user: `${dir}/user`, ipc: `${dir}/ipc`, uts: `${dir}/uts` };
  ctx.run.ensureDir("netns", 0o755);
  await createUserNamespace(userns, [
    { kind: "user", path: files.user },
    { kind: "ipc", path: files.ipc },
    { kind: "uts", path: files.uts },
    ...(netns === undefined ? [] : [{ kind: "net" as const, path: netns }]),
  ]);
  if (netns !== undefined) bringLoopbackUpIn(netns);
  using namespace = new OwnedFd(openat2(AT_FDCWD, files.user, { flags: O_RDONLY | O_CLOEXEC }));
  assertFilesIdmappable(ctx, manifest, namespace.fd);
  return files;
}

/**
 * Makes a user namespace for each volume that maps its owners in a way of its own.
 * @throws {PodError} "pod/no-idmap" for files that cannot be mapped; {SysError} "sys/unsupported"
 */
export async function makeVolumeIdmaps(
  ctx: EngineContext,
  manifest: PodManifest,
): Promise<LaunchInput["volumeIdmaps"]> {
  const files = new Map<string, string>();
  for (const { app, target, source, recursive, maps } of planMappedVolumes(manifest, readOwnIds(ctx))) {
    ctx.run.ensureDir(`userns/${manifest.uuid}`, 0o700);
    const path = `${usernsDir(ctx, manifest.uuid)}/volume-${files.size}`;
    await createUserNamespace(maps, [{ kind: "user", path }]);
    files.set(volumeIdmapKey(app, target), path);
    using namespace = new OwnedFd(openat2(AT_FDCWD, path, { flags: O_RDONLY | O_CLOEXEC }));
    assertOne(source, { usernsFd: namespace.fd, recursive }, VOLUME_HINT);
  }
  return files.size === 0 ? undefined : files;
}

/** Takes back what the two made, except for the network namespace. Idempotent. */
export function removeUserNamespace(ctx: EngineContext, id: string): void {
  dropNamespaces(usernsDir(ctx, id));
}

const VOLUME_HINT = "leave out idmap and give the files to the pod's ids, or keep them on ext4, xfs, btrfs or tmpfs";

function usernsDir(ctx: EngineContext, id: string): string {
  return ctx.run.path(`userns/${id}`);
}

function assertFilesIdmappable(ctx: EngineContext, { apps, volumes }: PodManifest, usernsFd: number): void {
  const layers = apps.flatMap(({ image }) => image.layers.map((layer) => dirname(ctx.root.path(layerTreePath(layer)))));
  for (const path of new Set([ctx.root.path("pods"), ...layers])) {
    assertOne(path, { usernsFd, recursive: false }, "keep --root on ext4, xfs or btrfs, and boot Linux 5.19 or newer");
  }
  for (const { volume } of apps.flatMap(({ mounts }) => mounts.filter(({ idmap }) => idmap === true))) {
    const found = volumes.find(({ name }) => name === volume);
    if (found?.kind !== "host") continue;
    assertOne(found.source, { usernsFd, recursive: found.recursive }, VOLUME_HINT);
  }
}

function assertOne(
  path: string,
  idmap: { readonly usernsFd: number; readonly recursive: boolean },
  hint: string,
): void {
  try {
    assertIdmappable(path, idmap);
  } catch (reason) {
    if (!(reason instanceof SysError)) throw reason;
    if (reason.code === "sys/not-found") return; // told when it is to be mounted
    throw new PodError("pod/no-idmap", `Cannot map the ids of "${path}": its file system or the kernel cannot do it`, {
      hint,
      data: { path },
      cause: reason,
    });
  }
}
