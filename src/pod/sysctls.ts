import { PodError } from "./errors.ts";
import type { PodManifest } from "./manifest.ts";

/** Kernel parameters that each IPC namespace has of its own. Spec: ipc_namespaces(7) */
const OF_IPC =
  /^(kernel\.(msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced|msg_next_id|sem_next_id|shm_next_id)|fs\.mqueue\..+)$/;

/**
 * Asserts that kernel parameters are of namespaces that the pod has for itself: any other would change the host.
 * @throws {PodError} "pod/bad-option"
 */
export function assertSysctls({
  sysctls = {},
  nets,
  sharing,
}: Pick<PodManifest, "sysctls" | "nets" | "sharing">): void {
  const isHostNetwork = nets.length === 1 && nets[0]?.name === "host";
  for (const name of Object.keys(sysctls)) {
    if (name.startsWith("net.") && !isHostNetwork) continue;
    if (OF_IPC.test(name) && sharing?.ipc !== "host") continue;
    const isOfNamespace = name.startsWith("net.") || OF_IPC.test(name);
    const state = isOfNamespace ? "the pod uses the host's" : "it is one of the whole host";
    throw new PodError("pod/bad-option", `Cannot set kernel parameter "${name.slice(0, 80)}" for a pod: ${state}`, {
      hint: isOfNamespace
        ? "give the pod a network or IPC of its own: leave out --net=host and --ipc=host"
        : "use net.*, fs.mqueue.* or one of kernel.{msg*,sem,shm*}, or set it on the host with sysctl(8)",
      data: { name },
    });
  }
}
