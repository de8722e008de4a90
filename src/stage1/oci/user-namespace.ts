import { PodError } from "../../pod/errors.ts";
import { hostIdOf } from "../../pod/id-mappings.ts";
import type { UserNamespace } from "../../pod/manifest.ts";
import type { PodIdmap } from "../../pod/pod-idmap.ts";
import type { Credentials } from "../../pod/user-database.ts";
import { AT_FDCWD, S_IFIFO, S_IFMT } from "../../sys/linux/constants.ts";
import { fchownat, fstatat } from "../../sys/linux/fs-calls.ts";
import { hasErrno } from "../../sys/linux/libc.ts";
import { bindMount } from "../../sys/linux/mounts.ts";

/** Asserts that an app's user exists in its user namespace. @throws {PodError} "pod/unknown-user" */
export function assertMapped(
  userns: UserNamespace | undefined,
  { app, uid, gid, groups }: Pick<Credentials, "uid" | "gid" | "groups"> & { readonly app: string },
): void {
  if (userns === undefined) return;
  const isUserFine = hostIdOf(userns.uidMappings, uid) !== undefined;
  const group = [gid, ...groups].find((one) => hostIdOf(userns.gidMappings, one) === undefined);
  if (isUserFine && group === undefined) return;
  const what = isUserFine ? `group ${group}` : `user ${uid}`;
  throw new PodError("pod/unknown-user", `Cannot run app "${app}" as ${what}: its user namespace has no such id`, {
    hint: "map it: --userns=auto:size=N with N above it, or --uidmap and --gidmap",
    data: { app },
  });
}

/** Where the runtime finds an app's root: the pod's root user has to be able to walk there. */
export function placeRoot(
  idmap: PodIdmap | undefined,
  { app, rootfs }: { readonly app: string; readonly rootfs: string },
): string {
  if (idmap === undefined) return rootfs;
  const target = idmap.place(`roots/${app}`);
  bindMount({ source: rootfs, target, recursive: true });
  return target;
}

/** Pipes and FIFOs belong to whoever made them; an app that opens /dev/stdout anew has to own what is behind it. */
export function giveStreams(
  userns: UserNamespace | undefined,
  { pid, uid, gid }: { readonly pid: number; readonly uid: number; readonly gid: number },
): void {
  if (userns === undefined) return;
  const owner = [hostIdOf(userns.uidMappings, uid) ?? 0, hostIdOf(userns.gidMappings, gid) ?? 0] as const;
  for (const fd of [0, 1, 2]) {
    const path = `/proc/${pid}/fd/${fd}`;
    try {
      if ((fstatat(AT_FDCWD, path, 0).mode & S_IFMT) === S_IFIFO) fchownat(AT_FDCWD, path, ...owner, 0);
    } catch (reason) {
      if (!hasErrno(reason, "ENOENT", "ESRCH")) throw reason; // ended already
    }
  }
}
