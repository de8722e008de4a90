import { gantryArgv } from "../../test/harness/gantry.ts";
import type { Lab } from "../lab.ts";
import type { LargeImage } from "../large-image.ts";
import { lateRemovedDir } from "../late-removal.ts";
import { call } from "../programs.ts";
import { openPodman } from "./podman.ts";
import type { PeerRegistry } from "./registry.ts";

/**
 * Programs that get an image from the registry and unpack it. `freshX` gives the program an empty store, in a new directory
 * each time: files deleted just before would make every file system call of the next round slower (ext4 looks at the
 * inodes freed in the last minutes again and again). It waits until the disk has what earlier rounds wrote.
 */
export interface Fetchers extends Disposable {
  gantry(): string[];
  podman(): void;
  skopeoAndUmoci(): void;
  /** The packed layers through the decompressor and nowhere. */
  decompress(): void;
  freshGantry(): void;
  freshPodman(): void;
  freshSkopeo(): void;
}

/** Puts the image into the registry and makes the command lines. */
export function makeFetchers(
  lab: Lab,
  { image, registry }: { readonly image: LargeImage; readonly registry: PeerRegistry },
): Fetchers {
  const name = `${registry.host}/large:1`;
  const plain = ["--src-tls-verify=false", "--dest-tls-verify=false"];
  call(["skopeo", "copy", "--quiet", ...plain, `oci:${image.layout}:1`, `docker://${name}`]);
  const decompressor = image.compression === "gzip" ? "gzip" : "zstd";
  const stack = new DisposableStack();
  const syncDisk = (): void => void call(["sync", "-f", lab.world.dir]);
  const fresh = (): string => {
    syncDisk();
    return lateRemovedDir();
  };
  let [gantryRoot, skopeoDir] = [fresh(), fresh()];
  let podman = stack.use(openPodman());
  return {
    gantry: () =>
      gantryArgv(["-q", "--insecure-options=image,http", "fetch", `docker://${name}`], {
        root: gantryRoot,
        config: lab.world.config,
      }),
    podman: () => void podman.call(["pull", "--quiet", "--tls-verify=false", name]),
    skopeoAndUmoci: () => {
      call(["skopeo", "copy", "--quiet", ...plain, `docker://${name}`, `oci:${skopeoDir}/layout:1`]);
      call(["umoci", "unpack", "--image", `${skopeoDir}/layout:1`, `${skopeoDir}/bundle`]);
    },
    decompress: () => {
      for (const blob of image.blobs) call(["sh", "-c", `exec ${decompressor} -dc < "$1" > /dev/null`, "sh", blob]);
    },
    freshGantry: () => {
      gantryRoot = fresh();
    },
    freshPodman: () => {
      syncDisk();
      podman = stack.use(openPodman());
    },
    freshSkopeo: () => {
      skopeoDir = fresh();
    },
    [Symbol.dispose]: () => stack.dispose(),
  };
}
