import { CHECKPOINT_DIR } from "../../pod/checkpoint-record.ts";
import type { PodManifest } from "../../pod/manifest.ts";
import type { Files, Programs } from "../../sys/host.ts";
import { Stage1Error } from "../errors.ts";
import { findConmons } from "./observe.ts";

/** The files of a /dev/shm that several apps share; their kernel's memory ends with the last of them. */
const ARCHIVE = `${CHECKPOINT_DIR}/.shm.tar`;
const LIMIT_MS = 10 * 60_000;

/** Saves the /dev/shm that the apps of a pod share; an app alone has one of its own, which is part of its state. */
export async function saveSharedMemory(
  pod: Files,
  { manifest, host }: { readonly manifest: PodManifest; readonly host: { readonly programs: Programs } },
): Promise<void> {
  if (!isShared(manifest)) return;
  const [conmon] = findConmons(pod);
  if (conmon === undefined) throw failed("save", "no supervisor is left");
  await tar(host.programs, "save", [
    "--create",
    `--file=${pod.path(ARCHIVE)}`,
    `--directory=/proc/${conmon}/root${pod.path("shm")}`,
    ".",
  ]);
}

/** Fills it again, in the mount namespace of the caller. */
export async function loadSharedMemory(pod: Files, host: { readonly programs: Programs }): Promise<void> {
  if (!pod.has(ARCHIVE)) return;
  await tar(host.programs, "fill", ["--extract", `--file=${pod.path(ARCHIVE)}`, `--directory=${pod.path("shm")}`]);
}

function isShared({ apps, sharing }: PodManifest): boolean {
  return apps.length > 1 && (sharing?.ipc ?? "pod") === "pod";
}

async function tar(programs: Programs, what: string, argv: readonly string[]): Promise<void> {
  const flags = ["--format=posix", "--numeric-owner", "--same-permissions", "--same-owner", "--sparse"];
  const { exitCode, stderr } = await programs.run({ argv: ["tar", ...flags, ...argv], timeoutMs: LIMIT_MS });
  if (exitCode !== 0) throw failed(what, stderr.trim().split("\n")[0]?.slice(0, 300) ?? "");
}

function failed(what: string, why: string): Stage1Error {
  return new Stage1Error("stage1/checkpoint-failed", `Cannot ${what} the pod's shared memory: ${why}`, {
    hint: "look for room in the file system of the pods",
  });
}
