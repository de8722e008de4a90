import type { LaunchInput } from "../../pod/stage1-contract.ts";
import { close } from "../../sys/linux/fs-calls.ts";
import { bindMount } from "../../sys/linux/mounts.ts";
import { spawnDetached } from "../../sys/linux/spawn-detached.ts";
import { connectUnix, listenUnix } from "../../sys/linux/unix-sockets.ts";
import { Stage1Error } from "../errors.ts";

const PLACES = ["/usr/libexec/virtiofsd", "/usr/lib/qemu/virtiofsd", "/usr/lib/virtiofsd"];

/** The volume server, a newer one on PATH first; undefined when none is installed. */
export function findVirtiofsd(): string | undefined {
  return Bun.which("virtiofsd") ?? PLACES.find((path) => Bun.which(path) !== null);
}

/**
 * Shares the pod's host volumes with its guest, all through one server: each is mounted at `share/NAME` of the pod
 * directory, read-only ones so that not even the guest's kernel can write them. Runs in the pod's own mount namespace, which
 * the server keeps; it ends with the guest. Returns a descriptor connected to it, or undefined without host volumes.
 * @throws {Stage1Error} "stage1/missing-tool"
 */
export function shareVolumes(input: LaunchInput, logFd: number): number | undefined {
  const { pod, manifest } = input;
  const volumes = manifest.volumes.flatMap((volume) => (volume.kind === "host" ? [volume] : []));
  if (volumes.length === 0) return undefined;
  const program = findVirtiofsd();
  if (program === undefined) {
    throw new Stage1Error("stage1/missing-tool", "Cannot share volumes with the guest: virtiofsd is not installed", {
      hint: "install it: apt-get install qemu-system-common (Debian 12) or virtiofsd (newer)",
    });
  }
  for (const volume of volumes) {
    const target = `share/${volume.name}`;
    if (input.hostPathKind(volume.source) === "dir") pod.ensureDir(target, 0o755);
    else pod.writePlain(target, "", 0o644);
    const uses = manifest.apps.flatMap((app) => app.mounts.filter((mount) => mount.volume === volume.name));
    const readOnly = volume.readOnly || uses.every((mount) => mount.readOnly);
    bindMount({ source: volume.source, target: pod.path(target), recursive: volume.recursive, readOnly, nodev: true });
  }
  return startServer(input, program, logFd);
}

function startServer({ pod }: LaunchInput, program: string, logFd: number): number {
  const listenFd = listenUnix(pod.path("vm"), "volumes");
  const isOldOne = program === "/usr/lib/qemu/virtiofsd";
  const shared = pod.path("share");
  const options = isOldOne
    ? ["-o", `source=${shared}`, "-o", "cache=auto", "-o", "sandbox=namespace", "--rlimit-nofile=0"]
    : ["--shared-dir", shared, "--cache=auto", "--sandbox=namespace", "--rlimit-nofile=0"];
  try {
    spawnDetached({
      argv: [program, "--fd=3", ...options],
      env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
      stdio: ["ignore", logFd, logFd, listenFd],
    });
    return connectUnix(pod.path("vm"), "volumes");
  } finally {
    close(listenFd);
  }
}
