import { type MountInfo, parseMountInfo } from "../../sys/linux/mount-table.ts";
import type { EngineContext } from "../context.ts";
import type { DoctorCheck } from "../use-cases.ts";
import { askTool, failed, passed, type SectionOptions, warned } from "./section.ts";

/** File systems that overlayfs can write to, with extended attributes and O_TMPFILE. */
const GOOD = new Set(["ext4", "xfs", "btrfs", "f2fs", "tmpfs", "bcachefs", "ext3", "zfs"]);
const FEW_BYTES = 2 * 1024 ** 3;
const NO_BYTES = 200 * 1024 ** 2;

/** Whether the store's file system can carry pods, and has room. The store need not exist yet. */
export async function checkStore(ctx: EngineContext, options: SectionOptions): Promise<readonly DoctorCheck[]> {
  const path = nearestExisting(ctx, ctx.root.root);
  const answer = await askTool(ctx, ["df", "--block-size=1", "--output=avail,iavail", "--", path], options);
  return [judgeFileSystem(ctx.root.root, storeMount(ctx)), judgeSpace(path, answer?.stdout ?? "")];
}

/** The mount that the store is on, or will be. */
export function storeMount(ctx: EngineContext): MountInfo | undefined {
  const mounts = parseMountInfo(ctx.proc.readText("self/mountinfo", 16 * 1024 * 1024));
  return findMount(mounts, nearestExisting(ctx, ctx.root.root));
}

function nearestExisting(ctx: EngineContext, path: string): string {
  for (let at = path; at !== "" && at !== "/"; at = at.slice(0, at.lastIndexOf("/"))) {
    if (ctx.host.has(at.slice(1))) return at;
  }
  return "/";
}

/** The mount a path is on: the longest mount point above it; of equal ones the last covers the others. */
export function findMount(mounts: readonly MountInfo[], path: string): MountInfo | undefined {
  const isAbove = ({ mountPoint }: MountInfo) =>
    mountPoint === "/" || path === mountPoint || path.startsWith(`${mountPoint}/`);
  let best: MountInfo | undefined;
  for (const mount of mounts)
    if (isAbove(mount) && mount.mountPoint.length >= (best?.mountPoint.length ?? 0)) best = mount;
  return best;
}

/** Judges where the store is. Pure. */
export function judgeFileSystem(root: string, mount: MountInfo | undefined): DoctorCheck {
  const move = "put the store on a local disk with ext4, xfs or btrfs: gantry --root DIR";
  if (mount === undefined) return warned("store", `${root}: its file system is unknown`, move);
  const detail = `${root} on ${mount.fsType}`;
  if ([...mount.options, ...mount.superOptions].includes("ro"))
    return failed("store", `${detail}, read-only`, "mount it read-write, or pass --root DIR");
  for (const option of ["nodev", "noexec", "nosuid"]) {
    if (mount.options.includes(option))
      return failed(
        "store",
        `${detail}, mounted ${option}: programs of images would not work`,
        `remount it without ${option}, or pass --root DIR`,
      );
  }
  if (GOOD.has(mount.fsType))
    return passed("store", `${detail}: overlay, extended attributes and unnamed temporary files`);
  return failed("store", `${detail}: overlayfs cannot write there`, move);
}

/** Judges what `df` printed. Pure. */
export function judgeSpace(path: string, output: string): DoctorCheck {
  const [, bytes, inodes] = /^\s*(\d+)\s+(\d+|-)\s*$/m.exec(output) ?? [];
  const name = "disk space";
  if (bytes === undefined) return warned(name, "df does not tell", "look at it with: df -h");
  const detail = `${(Number(bytes) / 1024 ** 3).toFixed(1)} GiB free on ${path}`;
  const fix = "make room: gantry gc, then gantry image gc";
  if (Number(bytes) < NO_BYTES || inodes === "0") return failed(name, inodes === "0" ? "no free inodes" : detail, fix);
  return Number(bytes) < FEW_BYTES ? warned(name, detail, fix) : passed(name, detail);
}
