import { TarReader } from "../../image/layer/tar-reader.ts";
import { CHECKPOINT_DIR, SHARED_MEMORY_FILE } from "../../pod/checkpoint-record.ts";
import type { PodManifest } from "../../pod/manifest.ts";
import { packTree } from "../../store/pack-tree.ts";
import { openTreeSink } from "../../store/tree-sink.ts";
import type { Files } from "../../sys/host.ts";
import { Stage1Error } from "../errors.ts";
import { findConmons } from "./observe.ts";

const MAX_ENTRIES = 100_000;

/** Saves the /dev/shm that the apps of a pod share: its memory ends with the last of them. An app alone has its own. */
export function saveSharedMemory(pod: Files, { apps, sharing }: PodManifest): void {
  if (apps.length === 1 || (sharing?.ipc ?? "pod") !== "pod") return;
  const [conmon] = findConmons(pod);
  if (conmon === undefined) {
    throw new Stage1Error("stage1/checkpoint-failed", "Cannot save the pod's shared memory: no supervisor is left", {
      hint: "look at what became of them: gantry status POD",
    });
  }
  using temp = pod.createTemp();
  for (const chunk of packTree(`/proc/${conmon}/root${pod.path("shm")}`)) temp.write(chunk);
  pod.ensureDir(CHECKPOINT_DIR, 0o700);
  temp.commit(SHARED_MEMORY_FILE, 0o600);
}

/** Fills it again, in the mount namespace of the caller. What an import brought is not believed: it stays beneath, and within the size. */
export function loadSharedMemory(pod: Files, maxContentBytes: number): void {
  if (!pod.has(SHARED_MEMORY_FILE)) return;
  const trash = pod.createTempDir();
  try {
    using sink = openTreeSink(pod.path("shm"), pod.path(trash));
    const reader = new TarReader(sink.handler, { maxEntries: MAX_ENTRIES, maxContentBytes });
    for (const chunk of pod.readChunks(SHARED_MEMORY_FILE)) reader.push(chunk);
    reader.end();
    sink.finish();
  } finally {
    pod.remove(trash);
  }
}
