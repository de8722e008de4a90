import { join } from "node:path";
import { gantryArgv } from "../../test/harness/gantry.ts";
import type { Lab } from "../lab.ts";
import type { LargeImage } from "../large-image.ts";
import { call } from "../programs.ts";
import type { Podman } from "./podman.ts";
import type { PeerRegistry } from "./registry.ts";

/** Programs that get an image from the registry and unpack it, each into an empty store of its own. */
export interface Fetchers {
  readonly gantry: readonly string[];
  podman(): void;
  skopeoAndUmoci(): void;
  /** The packed layers through the decompressor and nowhere. */
  decompress(): void;
  /** Empties the stores; also how they are at the beginning. */
  emptyGantry(): void;
  emptyPodman(): void;
  emptySkopeo(): void;
}

/** Puts the image into the registry and makes the command lines. */
export function makeFetchers(
  lab: Lab,
  { image, registry, podman }: { readonly image: LargeImage; readonly registry: PeerRegistry; readonly podman: Podman },
): Fetchers {
  const name = `${registry.host}/large:1`;
  const [root, layout, bundle] = ["fetch-root", "fetch-layout", "fetch-bundle"].map((dir) => join(lab.world.dir, dir));
  if (root === undefined || layout === undefined || bundle === undefined) throw new Error("no directories");
  const plain = ["--src-tls-verify=false", "--dest-tls-verify=false"];
  call(["skopeo", "copy", "--quiet", ...plain, `oci:${image.layout}:1`, `docker://${name}`]);
  const fetchArgs = ["-q", "--insecure-options=image,http", "fetch", `docker://${name}`];
  const decompressor = image.compression === "gzip" ? "gzip" : "zstd";
  const remove = (...paths: string[]): void => void call(["rm", "-rf", ...paths]);
  return {
    gantry: gantryArgv(fetchArgs, { root, config: lab.world.config }),
    podman: () => void podman.call(["pull", "--quiet", "--tls-verify=false", name]),
    skopeoAndUmoci: () => {
      call(["skopeo", "copy", "--quiet", ...plain, `docker://${name}`, `oci:${layout}:1`]);
      call(["umoci", "unpack", "--image", `${layout}:1`, bundle]);
    },
    decompress: () => {
      for (const blob of image.blobs) call(["sh", "-c", `exec ${decompressor} -dc < "$1" > /dev/null`, "sh", blob]);
    },
    emptyGantry: () => remove(root),
    emptyPodman: () => void podman.call(["rmi", "--all", "--force"]),
    emptySkopeo: () => remove(layout, bundle),
  };
}
