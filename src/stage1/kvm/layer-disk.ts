import type { Programs } from "../../sys/host.ts";
import { openFiles } from "../../sys/linux/files.ts";
import { Stage1Error } from "../errors.ts";
import type { GuestDisk } from "./pod-script.ts";

/** A layer as a block device: the file lies beside the unpacked tree and goes with it. */
export interface LayerDisk {
  /** Absolute path. */
  readonly path: string;
  readonly fsType: GuestDisk["fsType"];
}

const MAKE_MS = 600_000;

/**
 * The disk image of an unpacked layer (`…/layers/NAME/tree`), made once per machine whoever asks; complete or not there.
 * Owners, modes, times, extended attributes, device nodes and overlayfs marks are those of the tree.
 * @throws {Stage1Error} "stage1/missing-tool", "stage1/start-failed"
 */
export async function ensureLayerDisk(programs: Programs, treePath: string): Promise<LayerDisk> {
  const layer = openFiles(treePath.slice(0, treePath.lastIndexOf("/")));
  const found = findDisk(layer);
  if (found !== undefined) return found;
  using _lock = layer.lock("disk.lock", { kind: "exclusive", wait: true });
  const made = findDisk(layer);
  if (made !== undefined) return made;
  const fsType = pickFormat();
  const temp = layer.path("disk.new");
  layer.remove("disk.new");
  const argv: [string, ...string[]] =
    fsType === "erofs"
      ? ["mkfs.erofs", "--quiet", "-x1", temp, treePath]
      : ["mksquashfs", treePath, temp, "-noappend", "-quiet", "-no-progress", "-xattrs", "-comp", "lz4"];
  const { exitCode, stderr } = await programs.run({ argv, timeoutMs: MAKE_MS });
  if (exitCode !== 0) {
    throw new Stage1Error("stage1/start-failed", `Cannot make a disk of layer "${treePath}": ${stderr.trim()}`, {
      hint: "check the space left in Gantry's directory, then try again",
    });
  }
  layer.rename("disk.new", `disk.${fsType}`);
  return { path: layer.path(`disk.${fsType}`), fsType };
}

function findDisk(layer: ReturnType<typeof openFiles>): LayerDisk | undefined {
  for (const fsType of ["erofs", "squashfs"] as const)
    if (layer.has(`disk.${fsType}`)) return { path: layer.path(`disk.${fsType}`), fsType };
  return undefined;
}

function pickFormat(): GuestDisk["fsType"] {
  if (Bun.which("mkfs.erofs") !== null) return "erofs";
  if (Bun.which("mksquashfs") !== null) return "squashfs";
  throw new Stage1Error("stage1/missing-tool", "Cannot make disks of layers: mkfs.erofs is not installed", {
    hint: "install it: apt-get install erofs-utils",
  });
}
