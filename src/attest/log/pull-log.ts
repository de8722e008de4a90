import { TILE_WIDTH } from "../../audit/log/tile-path.ts";
import { splitHashes } from "../../audit/log/write-tiles.ts";
import { isSameHash, leafHash } from "../../audit/merkle/hash.ts";
import type { TreeHead } from "../../audit/merkle/proofs.ts";
import { AttestError } from "../errors.ts";
import { type KeptLog, keptBytes } from "../fleet/kept-log.ts";
import type { NodeClient } from "../node-client.ts";
import type { NodeProblem } from "../problems.ts";

/** New records that are taken in before their head is reached: some millions. A node must not fill the disk here. */
const MAX_STAGED_BYTES = 4 * 1024 ** 3;

/**
 * Brings the kept log up to a head that the node signed. Undefined when the head continues what is kept: its first
 * records are those shown before, and all together hash to its root. Until `commit` the new ones are only staged.
 * @throws {AttestError} "attest/unreachable", "attest/bad-answer"
 */
export async function pullLog(client: NodeClient, kept: KeptLog, target: TreeHead): Promise<NodeProblem | undefined> {
  const { size: known } = kept.head();
  if (target.size < known) {
    const detail = `the node shows a log of ${target.size} records, and has shown ${known} before`;
    return { kind: "rolled-back", detail, record: target.size };
  }
  if (kept.stagedSize() > target.size) kept.dropStaged();
  const tree = kept.tree(Math.max(known, kept.stagedSize()));
  let stagedBytes = kept.stagedBytes();
  while (tree.size < target.size) {
    const first = Math.floor(tree.size / TILE_WIDTH) * TILE_WIDTH;
    const width = Math.min(TILE_WIDTH, target.size - first);
    const entries = splitBundle(await client.tile("entries", first / TILE_WIDTH, width), width);
    const edited = entries.slice(0, tree.size - first).findIndex((entry, at) => isOther(kept.line(first + at), entry));
    if (edited >= 0) {
      kept.dropStaged();
      return { kind: "record-edited", detail: "the node shows another record than before", record: first + edited };
    }
    const news = entries.slice(tree.size - first);
    stagedBytes += keptBytes(news);
    if (stagedBytes > MAX_STAGED_BYTES) {
      kept.dropStaged();
      return { kind: "bad-answer", detail: "the node shows more new records than a node can have" };
    }
    kept.stage(tree, news);
  }
  if (isSameHash(tree.root(), target.root)) return undefined;
  const problem = await findDifference(client, kept, { known, size: target.size });
  kept.dropStaged();
  return problem;
}

function isOther(kept: Uint8Array | undefined, shown: Uint8Array): boolean {
  return kept === undefined || !isSameHash(kept, shown);
}

/** Entries of a bundle. Spec: C2SP tlog-tiles v1, "Log entries". */
function splitBundle(bytes: Uint8Array, count: number): Uint8Array[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries: Uint8Array[] = [];
  let at = 0;
  while (entries.length < count && at + 2 <= buffer.byteLength) {
    const end = at + 2 + buffer.readUInt16BE(at);
    if (end > buffer.byteLength) break;
    entries.push(Uint8Array.from(buffer.subarray(at + 2, end)));
    at = end;
  }
  if (entries.length === count) return entries;
  throw new AttestError("attest/bad-answer", `Cannot read bundle of records: ${entries.length} of ${count} are in it`, {
    hint: "see on the node: gantry audit check",
  });
}

/** Why the records do not hash to the signed root: which one is another than what the node's own tree has. */
async function findDifference(
  client: NodeClient,
  kept: KeptLog,
  { known, size }: { readonly known: number; readonly size: number },
): Promise<NodeProblem> {
  const other: NodeProblem = { kind: "forked", detail: "the signed head is not of the records shown: another history" };
  for (let first = 0; first < size; first += TILE_WIDTH) {
    const width = Math.min(TILE_WIDTH, size - first);
    const hashes = splitHashes(await client.tile(0, first / TILE_WIDTH, width)).slice(0, width);
    const differs = (at: number): boolean => {
      const line = kept.line(first + at);
      const hash = hashes[at];
      return line !== undefined && (hash === undefined || !isSameHash(leafHash(line), hash));
    };
    const at = Array.from({ length: width }, (_, index) => index).find(differs);
    if (at === undefined) continue;
    const record = first + at;
    if (record >= known)
      return { kind: "record-edited", detail: "a record is not the one in the node's own tree", record };
    const isAlone = at + 1 < width && record + 1 < known && !differs(at + 1);
    if (isAlone)
      return { kind: "record-edited", detail: "the node has changed a record that it had shown before", record };
    return { kind: "forked", detail: "from this record on the node shows another history than before", record };
  }
  return other;
}
