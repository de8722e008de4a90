import { readFileSync } from "node:fs";
import { withFileErrors } from "./file-error.ts";

/** One mount as this thread sees it. */
export interface MountInfo {
  readonly id: number;
  readonly parentId: number;
  /** Path inside the file system that is mounted. */
  readonly root: string;
  readonly mountPoint: string;
  readonly options: readonly string[];
  /** It has peers: what is mounted in one is mounted in all. */
  readonly isShared: boolean;
  readonly fsType: string;
  readonly source: string;
  readonly superOptions: readonly string[];
}

/** All mounts of this thread's mount namespace, in the kernel's order. Spec: proc_pid_mountinfo(5). */
export function listMounts(): MountInfo[] {
  return parseMountInfo(readFileSync("/proc/thread-self/mountinfo", "utf8"));
}

/** All mounts as another process sees them. @throws {SysError} "sys/not-found" when it is gone */
export function listMountsOf(pid: number): MountInfo[] {
  const path = `/proc/${pid}/mountinfo`;
  return parseMountInfo(withFileErrors(`read "${path}"`, () => readFileSync(path, "utf8")));
}

/** Those of the given types: a host with many pods has thousands of others. */
export function listMountsOfTypes(...fsTypes: readonly string[]): MountInfo[] {
  const lines = new RegExp(`^.* - (?:${fsTypes.join("|")}) .*$`, "gm");
  return parseMountInfo(readFileSync("/proc/thread-self/mountinfo", "utf8").match(lines)?.join("\n") ?? "");
}

/** Parses the text of a mountinfo file; malformed lines are left out. */
export function parseMountInfo(text: string): MountInfo[] {
  return text.split("\n").flatMap((line) => {
    const [left = "", right] = line.split(" - ");
    if (right === undefined) return [];
    const [id, parentId, , root = "", mountPoint = "", options = "", ...tags] = left.split(" ");
    const [fsType = "", source = "", superOptions = ""] = right.split(" ");
    return {
      id: Number(id),
      parentId: Number(parentId),
      root: unescapeOctal(root),
      mountPoint: unescapeOctal(mountPoint),
      options: options.split(","),
      isShared: tags.some((tag) => tag.startsWith("shared:")),
      fsType,
      source: unescapeOctal(source),
      superOptions: superOptions.split(","),
    };
  });
}

function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
