import type { PodIdmap } from "../../pod/pod-idmap.ts";
import type { LaunchInput } from "../../pod/stage1-contract.ts";
import { CLONE_NEWIPC, CLONE_NEWUTS, MS_NODEV, MS_NOEXEC, MS_NOSUID } from "../../sys/linux/constants.ts";
import { mount, sethostname } from "../../sys/linux/mount-calls.ts";
import { pinNamespace } from "../../sys/linux/pin-namespace.ts";
import type { OciRuntime } from "./oci-runtime.ts";
import { INIT_APP } from "./pod-init.ts";
import type { SpecInput } from "./spec.ts";

/** What every container of a pod gets of the pod's. */
export type Shared = Pick<SpecInput, "namespaces" | "shm" | "shmBytes" | "hasMqueue">;

/** Size of a /dev/shm for which none was asked. */
export const DEFAULT_SHM_BYTES = 64 * 1024 * 1024;

const NAMESPACE_OF_INIT = `apps/${INIT_APP}/pid-namespace`;

/**
 * Makes what the apps of a pod share, kept by mounts: host name, IPC with /dev/shm. The process namespace comes with its init.
 * A sandbox has all of it by itself.
 */
export function makeShared(
  input: LaunchInput,
  { runtime, idmap }: { readonly runtime: OciRuntime; readonly idmap: PodIdmap | undefined },
): Shared {
  const { pod, manifest, netns, userns } = input;
  if (runtime.isSandbox) return ownShared(input);
  const network = netns === "host" ? undefined : netns.path;
  const size = manifest.shmBytes === undefined ? {} : { shmBytes: manifest.shmBytes };
  const user = userns === undefined ? {} : { user: userns.user };
  const { pid = "private", ipc = "pod" } = manifest.sharing ?? {};
  // Those of a user namespace were made with it: only then they are its own.
  const uts = userns?.uts ?? pod.path("ns/uts");
  const own = userns?.ipc ?? pod.path("ns/ipc");
  if (userns === undefined) {
    const prepare = () => sethostname(manifest.hostname); // who joins it by a restore finds it set
    pinNamespace({ kind: "uts", flag: CLONE_NEWUTS, path: uts, prepare });
    if (ipc === "pod") pinNamespace({ kind: "ipc", flag: CLONE_NEWIPC, path: own });
  }
  const ipcPath = { pod: { ipc: own }, host: { ipc: "host" }, private: {} }[ipc];
  const pidPath = { pod: { pid: pod.path(NAMESPACE_OF_INIT) }, host: { pid: "host" }, private: {} }[pid];
  return {
    namespaces: { network, uts, ...user, ...ipcPath, ...pidPath },
    ...size,
    ...(userns !== undefined && ipc === "host" && input.hostPathKind("/dev/mqueue") === undefined
      ? { hasMqueue: false }
      : {}),
    ...sharedMemory(input, { ipc, idmap }),
  };
}

/** What an app gets that has everything but the network for itself. */
export function ownShared({ manifest, netns }: LaunchInput): Shared {
  const network = netns === "host" ? undefined : netns.path;
  return { namespaces: { network }, ...(manifest.shmBytes === undefined ? {} : { shmBytes: manifest.shmBytes }) };
}

/** One app alone has a /dev/shm of its own anyway. */
function sharedMemory(
  { pod, manifest }: LaunchInput,
  { ipc, idmap }: { readonly ipc: "pod" | "host" | "private"; readonly idmap: PodIdmap | undefined },
): Pick<Shared, "shm"> {
  if (ipc === "host") return { shm: "/dev/shm" };
  if (ipc === "private" || manifest.apps.length === 1) return {};
  pod.ensureDir("shm", 0o700);
  const target = idmap?.place("shm") ?? pod.path("shm");
  const owner = idmap === undefined ? "" : `,uid=${idmap.owner.uid},gid=${idmap.owner.gid}`;
  mount({
    source: "shm",
    target,
    fsType: "tmpfs",
    flags: MS_NOSUID | MS_NODEV | MS_NOEXEC,
    data: `mode=1777,size=${manifest.shmBytes ?? DEFAULT_SHM_BYTES}${owner}`,
  });
  return { shm: target };
}
