import { formatTimestamp } from "../base/clock.ts";
import { createHasher, type Digest, splitDigest } from "../image/digest.ts";
import { CHECKPOINT_DOCUMENT, type CheckpointDocument } from "../pod/checkpoint-document.ts";
import { CHECKPOINT_DIR, type CheckpointRecord } from "../pod/checkpoint-record.ts";
import type { PodManifest } from "../pod/manifest.ts";
import { readResolvedApp } from "../pod/resolved-app.ts";
import type { Stage1 } from "../pod/stage1-contract.ts";
import { packTree } from "../store/pack-tree.ts";
import type { Files, TempFile } from "../sys/host.ts";
import { createUserFile } from "../sys/user-file.ts";
import { TarFileWriter } from "../transport/archive/tar-file-writer.ts";
import type { EngineContext } from "./context.ts";
import { notOffered } from "./running-pod.ts";
import { openUserPath } from "./user-path.ts";

/** Last member of an exported checkpoint: one without it was cut short. */
export const CHECKPOINT_END = "gantry-checkpoint.end";

/** Where the trees of an exported pod are in the archive and in the pod directory, in order. */
export function exportedTrees(
  { apps, volumes }: PodManifest,
  record: CheckpointRecord,
): { readonly prefix: string; readonly rel: string }[] {
  return [
    ...apps
      .filter(({ name }) => record.apps.includes(name))
      .map(({ name }) => ({ prefix: `trees/apps/${name}/`, rel: `apps/${name}/upper` })),
    ...volumes
      .filter(({ kind }) => kind === "empty")
      .map(({ name }) => ({ prefix: `trees/volumes/${name}/`, rel: `volumes/${name}` })),
  ];
}

/** An archive on its way; what was at its place stays until `write` has ended. */
export interface PodExport extends Disposable {
  write(pod: HaltedPod): Digest;
}

/** A pod of which no process runs, and what its checkpoint is like. */
export interface HaltedPod {
  readonly files: Files;
  readonly manifest: PodManifest;
  readonly stage1: Stage1;
  readonly record: CheckpointRecord;
}

/**
 * Opens the file a checkpoint is exported to, which only its owner may read: it holds the memory of apps. This host knows
 * afterwards that it made it. @throws {SysError} when the directory is missing or may not be written
 */
export function openPodExport(ctx: EngineContext, output: string): PodExport {
  const { path } = openUserPath(output);
  const file = createUserFile(path);
  return {
    write(pod) {
      const digest = writeArchive(file, pod);
      ctx.root.writeAtomic(
        ownExportFile(digest),
        JSON.stringify({ pod: pod.manifest.uuid, at: formatTimestamp(ctx.clock.nowMs()) }),
        0o600,
      );
      file.commit("", 0o600);
      return digest;
    },
    [Symbol.dispose]: () => file[Symbol.dispose](),
  };
}

/** Whether this host made the archive of that digest. */
export function isOwnExport(ctx: EngineContext, digest: Digest): boolean {
  return ctx.root.has(ownExportFile(digest));
}

function ownExportFile(digest: Digest): string {
  return `checkpoints/${splitDigest(digest).hex}.json`;
}

function writeArchive(file: TempFile, pod: HaltedPod): Digest {
  const hasher = createHasher("sha256");
  const out = {
    write: (chunk: Uint8Array) => {
      hasher.update(chunk);
      file.write(chunk);
    },
  };
  const tar = new TarFileWriter(out);
  tar.add(CHECKPOINT_DOCUMENT, JSON.stringify(describe(pod)));
  for (const rel of exportedFiles(pod)) {
    const stat = pod.files.stat(rel);
    if (stat?.kind === "file") tar.addChunks(rel, stat.sizeBytes, pod.files.readChunks(rel));
  }
  for (const { prefix, rel } of exportedTrees(pod.manifest, pod.record)) {
    for (const chunk of packTree(pod.files.path(rel), { prefix, end: false })) out.write(chunk);
  }
  tar.add(CHECKPOINT_END, "");
  tar.end();
  return hasher.digest();
}

/** What the regime wrote, and the apps' logs. */
function exportedFiles({ files, manifest, stage1 }: HaltedPod): string[] {
  const state = files.list(CHECKPOINT_DIR).flatMap((name) => {
    const rel = `${CHECKPOINT_DIR}/${name}`;
    return files.stat(rel)?.kind === "dir" ? files.list(rel).map((one) => `${rel}/${one}`) : [rel];
  });
  const logs = manifest.apps.flatMap(({ name }) => {
    const log = stage1.log(files, name);
    return log.kind === "cri" ? [log.path] : [];
  });
  return [...state, ...logs];
}

function describe({ files, manifest, stage1, record }: HaltedPod): CheckpointDocument {
  if (stage1.describeCheckpoint === undefined) throw notOffered(stage1, "export");
  const started = record.apps.map((app) => [app, readResolvedApp(files, app)]);
  const ended = manifest.apps.flatMap(({ name }) => {
    const exit = record.apps.includes(name) ? undefined : stage1.appExit(files, name);
    return exit === undefined ? [] : [[name, exit.exitCode]];
  });
  return {
    gantryKind: "checkpoint",
    gantryVersion: "v1",
    machine: process.arch,
    manifest,
    record,
    regime: stage1.describeCheckpoint(files),
    started: Object.fromEntries(started),
    ended: Object.fromEntries(ended),
  };
}
