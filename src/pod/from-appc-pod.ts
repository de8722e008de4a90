import { formatImageId } from "../image/aci/identifier.ts";
import type { AciMount, AciPodManifest, AciVolume, RuntimeApp } from "../image/aci/pod-manifest.ts";
import type { AppOption, MountOption, NamedPort, PodOption, PortOption, VolumeOption } from "./options.ts";

/** The part of a pod that an appc pod manifest says. */
export type AppcPodOption = Pick<PodOption, "apps" | "volumes" | "ports" | "labels"> &
  Required<Pick<PodOption, "namedPorts" | "appcPodManifest">>;

/**
 * A reified appc pod manifest as the pod a user asks for: images by ID from the store, app sections that replace the
 * images' own, volumes, mounts, and ports. Annotations mean nothing to this engine and stay in the text that is kept.
 * Spec: appc 0.8.11, pods.md.
 */
export function podOptionOfAppc(manifest: AciPodManifest): AppcPodOption {
  const own = manifest.apps.flatMap((app) =>
    app.mounts.flatMap((mount) =>
      mount.appVolume === undefined ? [] : [volumeOf(mount.appVolume, ownName(app, mount))],
    ),
  );
  return {
    apps: manifest.apps.map((app) => appOf(app, manifest.volumes)),
    volumes: [...manifest.volumes.map((volume) => volumeOf(volume, volume.name)), ...own],
    ports: manifest.ports.flatMap((port): PortOption[] => {
      const { podPort } = port;
      if (podPort === undefined) return [];
      return expandPort({ ...port, podPort: podPort.port, count: podPort.count, protocol: podPort.protocol });
    }),
    namedPorts: manifest.ports.flatMap(({ name, hostPort, hostIp, podPort }): NamedPort[] =>
      podPort === undefined ? [{ name, hostPort, hostIp }] : [],
    ),
    labels: manifest.userLabels,
    appcPodManifest: new TextDecoder().decode(manifest.raw),
  };
}

/** A range of ports, one by one. Protocols that cannot be led anywhere are left out. */
export function expandPort(port: {
  readonly hostIp: string;
  readonly hostPort: number;
  readonly podPort: number;
  readonly count: number;
  readonly protocol: string;
}): PortOption[] {
  const { hostIp, hostPort, podPort, count, protocol } = port;
  if (protocol !== "tcp" && protocol !== "udp" && protocol !== "sctp") return [];
  return Array.from({ length: count }, (_, i) => ({ hostIp, hostPort: hostPort + i, podPort: podPort + i, protocol }));
}

function appOf(app: RuntimeApp, volumes: readonly AciVolume[]): AppOption {
  const { id, name, labels } = app.image;
  return {
    image: formatImageId(id),
    name: app.name,
    args: [],
    env: [],
    supplementaryGids: app.app?.supplementaryGids ?? [],
    mounts: app.mounts.map((mount) => mountOf(app, mount, volumes)),
    readOnlyRootfs: app.readOnlyRootFs,
    capAdd: [],
    capDrop: [],
    noNewPrivileges: true,
    seccomp: "default",
    expectedAci: { ...(name === undefined ? {} : { name }), labels },
    ...(app.app === undefined ? {} : { appc: app.app }),
  };
}

function mountOf(app: RuntimeApp, mount: AciMount, volumes: readonly AciVolume[]): MountOption {
  const volume = mount.appVolume ?? volumes.find((one) => one.name === mount.volume);
  return {
    volume: mount.appVolume === undefined ? mount.volume : ownName(app, mount),
    target: mount.path,
    readOnly: volume?.readOnly === true,
  };
}

function ownName(app: RuntimeApp, mount: AciMount): string {
  return `${app.name}-own-${mount.volume}`;
}

function volumeOf(volume: AciVolume, name: string): VolumeOption {
  if (volume.kind === "empty") {
    const { modeOctal, uid, gid } = volume;
    return { kind: "empty", name, modeOctal, uid, gid };
  }
  const { source, readOnly, recursive } = volume;
  return { kind: "host", name, source, readOnly, recursive };
}
