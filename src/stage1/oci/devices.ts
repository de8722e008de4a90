import type { DeviceOption } from "../../pod/run-options.ts";
import { SysError } from "../../sys/errors.ts";
import {
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  O_CLOEXEC,
  O_DIRECTORY,
  O_PATH,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFMT,
} from "../../sys/linux/constants.ts";
import { fstatat, openat2, splitDevice } from "../../sys/linux/fs-calls.ts";
import { listDir } from "../../sys/linux/list-dir.ts";
import { OwnedFd } from "../../sys/linux/owned-fd.ts";
import { Stage1Error } from "../errors.ts";
import type { CdiNode } from "./cdi/parse-cdi.ts";

/** A device node as the runtime makes it, and what may be done with it. */
export interface PlannedDevice {
  readonly path: string;
  readonly type: "b" | "c";
  readonly major: number;
  readonly minor: number;
  readonly fileMode: number;
  readonly uid: number;
  readonly gid: number;
  readonly access: string;
}

/** How many devices an app may have, and how many files are looked at to find them in directories. */
const MAX_DEVICES = 512;
const MAX_FILES = 8_192;

/** What is left of both limits. */
interface Budget {
  devices: number;
  files: number;
}

/** Devices of the host as an app is to have them; a directory stands for every device in it. @throws {Stage1Error} "stage1/no-device" */
export function planDevices(options: readonly DeviceOption[]): PlannedDevice[] {
  const budget = fullBudget();
  return options.flatMap(({ source, target, access }) => expand(budget, { source, target, access }));
}

function fullBudget(): Budget {
  return { devices: MAX_DEVICES, files: MAX_FILES };
}

/** Devices of a CDI specification. @throws {Stage1Error} "stage1/no-device" */
export function planCdiNodes(nodes: readonly CdiNode[]): PlannedDevice[] {
  const budget = fullBudget();
  return nodes.flatMap(({ path, hostPath = path, permissions = "rwm", fileMode, uid, gid }) =>
    expand(budget, { source: hostPath, target: path, access: permissions }).map((device) => ({
      ...device,
      fileMode: fileMode ?? device.fileMode,
      uid: uid ?? device.uid,
      gid: gid ?? device.gid,
    })),
  );
}

function expand(budget: Budget, { source, target, access }: DeviceOption): PlannedDevice[] {
  const { mode, uid, gid, rdev } = statOf(source);
  const kind = mode & S_IFMT;
  if (kind === S_IFDIR) {
    const names = namesIn(source);
    spend(budget, "files", names.length);
    return names.flatMap((name) => {
      const { mode: inner } = statOf(`${source}/${name}`, AT_SYMLINK_NOFOLLOW);
      const isWanted = [S_IFCHR, S_IFBLK, S_IFDIR].includes(inner & S_IFMT);
      return isWanted ? expand(budget, { source: `${source}/${name}`, target: `${target}/${name}`, access }) : [];
    });
  }
  if (kind !== S_IFCHR && kind !== S_IFBLK) {
    throw new Stage1Error("stage1/no-device", `Cannot use device "${source}": it is none`, {
      hint: "name a character or block device, or a directory of them; files are given with --volume",
      data: { source },
    });
  }
  spend(budget, "devices", 1);
  const { major, minor } = splitDevice(rdev);
  const type = kind === S_IFCHR ? "c" : "b";
  return [{ path: target, type, major, minor, fileMode: mode & 0o7777, uid, gid, access }];
}

function spend(budget: Budget, what: keyof Budget, count: number): void {
  budget[what] -= count;
  if (budget[what] >= 0) return;
  const state =
    what === "devices" ? `at most ${MAX_DEVICES} can be given` : `the directories hold more than ${MAX_FILES} files`;
  throw new Stage1Error("stage1/no-device", `Cannot use so many devices: ${state}`, {
    hint: "name the devices that are needed: --device=/dev/NAME",
  });
}

function namesIn(path: string): string[] {
  using dir = new OwnedFd(openat2(AT_FDCWD, path, { flags: O_PATH | O_DIRECTORY | O_CLOEXEC }));
  return listDir(dir.fd)
    .map((name) => new TextDecoder().decode(name))
    .sort();
}

function statOf(path: string, flags = 0) {
  try {
    return fstatat(AT_FDCWD, path, flags);
  } catch (reason) {
    if (!(reason instanceof SysError)) throw reason;
    throw new Stage1Error("stage1/no-device", `Cannot use device "${path}": this host has none of that name`, {
      hint: "name a device of this host: ls -l /dev",
      data: { path },
      cause: reason,
    });
  }
}
