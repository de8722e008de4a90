import { parsePodId } from "../../pod/names.ts";
import type { Files } from "../../sys/host.ts";
import { openFiles } from "../../sys/linux/files.ts";
import { createPrograms } from "../../sys/linux/processes.ts";
import { selfArgv } from "../../sys/linux/self.ts";
import { Stage1Error } from "../errors.ts";
import { callEntry, type EntryCall } from "./call-entry.ts";

/** Longest an entry point that is to return at once may take. */
const LIMIT_MS = 30_000;

/**
 * Calls an entry point from a process of its own, so that its mounts are no concern of this one.
 * @throws {Stage1Error} "stage1/failed" when it does not end with 0, or not in time
 */
export async function callApart(pod: Files, call: EntryCall): Promise<void> {
  const { exitCode, stderr } = await createPrograms().run({
    argv: [...selfArgv(), "__stage1", "external", pod.root, call.id, call.program, ...call.argv],
    timeoutMs: LIMIT_MS,
  });
  if (exitCode === 0) return;
  const said = stderr.slice(0, 2000).trim();
  throw new Stage1Error("stage1/failed", `Cannot end pod ${call.id}: ${call.program} of its stage1 failed: ${said}`, {
    hint: "tell whoever made the stage1; the next gantry command tries again",
    data: { exitCode },
  });
}

/** The other side of `callApart`. */
export async function answerCall(argv: readonly string[]): Promise<number> {
  const [root = "", id = "", program = "", ...rest] = argv;
  return await callEntry(openFiles(root), { id: parsePodId(id), program, argv: rest });
}
