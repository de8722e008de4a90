import type { PodApp, PodManifest } from "../../pod/manifest.ts";
import type { Files } from "../../sys/host.ts";
import { listMountsOf } from "../../sys/linux/mount-table.ts";
import { Stage1Error } from "../errors.ts";

/** Annotation by which runtimes find more options for criu; the file needs to be there only when criu is called. */
export const CRIU_ANNOTATION = "org.criu.config";

/** A mount in an app that comes from outside and that the runtime's configuration does not have. */
export interface OutsideMount {
  /** Where the app sees it. */
  readonly target: string;
  /** Where it comes from on this host. */
  readonly source: string;
}

/** Where an app's options for criu are. */
export function criuOptionsPath(app: string): string {
  return `apps/${app}/criu.conf`;
}

/** What lies in the root file system of an app beside the image: files of the name service, volumes. */
export function outsideMounts(
  pod: Files,
  { manifest, app }: { readonly manifest: PodManifest; readonly app: PodApp },
): OutsideMount[] {
  const taken = new Set(app.mounts.map(({ target }) => target));
  const etc = ["resolv.conf", "hosts", "hostname"].flatMap((name): OutsideMount[] =>
    pod.has(`etc/${name}`) && !taken.has(`/etc/${name}`)
      ? [{ target: `/etc/${name}`, source: pod.path(`etc/${name}`) }]
      : [],
  );
  const volumes = app.mounts.flatMap(({ volume: wanted, target }): OutsideMount[] => {
    const volume = manifest.volumes.find(({ name }) => name === wanted);
    if (volume === undefined) return [];
    return [{ target, source: volume.kind === "host" ? volume.source : pod.path(`volumes/${volume.name}`) }];
  });
  return [...etc, ...volumes];
}

/**
 * Options for writing: what comes from outside is named, not looked into.
 * @throws {Stage1Error} "stage1/unsupported" for a mount that is not where it was asked for
 */
export function writeOptionsForDump(
  pod: Files,
  input: { readonly app: PodApp; readonly mounts: readonly OutsideMount[]; readonly pid: number },
): void {
  const seen = new Set(listMountsOf(input.pid).map(({ mountPoint }) => mountPoint));
  const missing = input.mounts.find(({ target }) => !seen.has(plainPath(target)));
  if (missing !== undefined) {
    throw new Stage1Error(
      "stage1/unsupported",
      `Cannot checkpoint app "${input.app.name}": "${missing.target}" leads elsewhere in the image`,
      {
        hint: "mount the volume at a path that has no symbolic link of the image in it",
      },
    );
  }
  const lines = input.mounts.map(({ target }, index) => option(`mnt[${plainPath(target)}]:gantry-${index}`));
  pod.writePlain(criuOptionsPath(input.app.name), lines.join(""), 0o600);
}

/** Options for reading: where what is named comes from now. */
export function writeOptionsForRestore(
  pod: Files,
  input: { readonly app: PodApp; readonly mounts: readonly OutsideMount[] },
): void {
  const lines = input.mounts.map(({ source }, index) => option(`mnt[gantry-${index}]:${source}`));
  pod.writePlain(criuOptionsPath(input.app.name), lines.join(""), 0o600);
}

/** Spec: criu(8), "CONFIGURATION FILES": quotes hold a value with spaces together. */
function option(value: string): string {
  if (/["\n\\]/.test(value)) {
    throw new Stage1Error(
      "stage1/unsupported",
      `Cannot checkpoint: criu cannot be told of the path ${JSON.stringify(value)}`,
      {
        hint: "mount volumes by paths without quotes and line breaks",
      },
    );
  }
  return `external "${value}"\n`;
}

function plainPath(path: string): string {
  return `/${path
    .split("/")
    .filter((part) => part !== "" && part !== ".")
    .join("/")}`;
}
