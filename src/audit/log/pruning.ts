import type { Files } from "../../sys/host.ts";
import { AuditError } from "../errors.ts";
import { Frontier } from "../merkle/frontier.ts";
import { MINIMUM_FILE, SEGMENT_RECORDS } from "./log-layout.ts";
import { TILE_WIDTH, tilePath } from "./tile-path.ts";
import { splitHashes } from "./write-tiles.ts";

/** Level of the tiles whose hashes span one file of lines each. */
const SEGMENT_LEVEL = 2;

/** Number of the first record that has not been archived away. Spec: C2SP tlog-tiles v1, "Pruning". */
export function readMinimum(files: Files): number {
  if (!files.has(MINIMUM_FILE)) return 0;
  const value = JSON.parse(files.readText(MINIMUM_FILE, 4096)) as { readonly first?: unknown };
  const first = value.first;
  if (typeof first === "number" && Number.isSafeInteger(first) && first >= 0 && first % SEGMENT_RECORDS === 0)
    return first;
  throw new AuditError("audit/tampered", `Cannot use "${MINIMUM_FILE}" of the event log: it names no record`, {
    hint: "bring the archived files back and remove it",
  });
}

/** The tree over the records before `minimum`, from the hashes that stay when records are archived. */
export function prunedFrontier(files: Files, minimum: number): Frontier {
  const count = minimum / SEGMENT_RECORDS;
  const spans = Array.from({ length: count }, (_, at) => segmentHash(files, at));
  const tree = new Frontier();
  for (const hash of spans) tree.append(hash);
  const frontier = Frontier.restore(minimum, tree.peaks());
  if (frontier !== undefined) return frontier;
  throw missingHash(count);
}

function segmentHash(files: Files, at: number): Uint8Array {
  const index = Math.floor(at / TILE_WIDTH);
  const offset = (at % TILE_WIDTH) * 32;
  for (let width = TILE_WIDTH; width > at % TILE_WIDTH; width--) {
    const path = tilePath(SEGMENT_LEVEL, index, width);
    if (!files.has(path)) continue;
    const hash = splitHashes(files.readBytes(path, TILE_WIDTH * 32).subarray(offset, offset + 32))[0];
    if (hash !== undefined) return hash;
  }
  throw missingHash(at);
}

function missingHash(at: number): AuditError {
  return new AuditError("audit/tampered", `Cannot find the hash of archived records ${at * SEGMENT_RECORDS}…`, {
    hint: "bring the archived files back",
  });
}
