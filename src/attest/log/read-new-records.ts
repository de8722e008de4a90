import { stepOf } from "../../audit/anchor/anchor-steps.ts";
import { extendValue } from "../../audit/anchor/nv-policy.ts";
import type { AnchorFacts } from "../../audit/events.ts";
import { type LogRecord, parseRecord } from "../../audit/log/record.ts";
import { TILE_WIDTH } from "../../audit/log/tile-path.ts";
import { leafHash } from "../../audit/merkle/hash.ts";
import { giveWay } from "../../sys/sleep.ts";
import type { KeptLog } from "../fleet/kept-log.ts";
import type { NodeProblem } from "../problems.ts";

/** What the new records come to. */
export interface NewRecords {
  /** Value that the index must have after the last of them, hexadecimal. */
  readonly nvValue: string;
  /** Number of the last record that was extended. */
  readonly lastAnchor: number | undefined;
  /** The newest index that they tell of. */
  readonly birth: AnchorFacts | undefined;
}

/**
 * Reads staged records strictly, and follows what the index was extended with. Gives way after every tile of them: a node
 * may bring millions at once, and other nodes are polled meanwhile.
 */
export async function readNewRecords(kept: KeptLog, size: number): Promise<NodeProblem | NewRecords> {
  const head = kept.head();
  const tree = kept.tree(head.size);
  let value: Uint8Array = Buffer.from(head.nvValue, "hex");
  let lastAnchor: number | undefined;
  let birth: AnchorFacts | undefined;
  for (const { recnum, line } of kept.lines(head.size, size)) {
    const record = parseRecord(line);
    if (typeof record === "string")
      return { kind: "record-edited", detail: `this is no record of Gantry: ${record}`, record: recnum };
    if (record.recnum !== recnum)
      return { kind: "record-edited", detail: `the record says that it is number ${record.recnum}`, record: recnum };
    const step = stepOf(record);
    if (step !== undefined) {
      if (!isOverTree(record, Buffer.from(tree.root()).toString("hex")))
        return { kind: "forked", detail: "an anchor record names another tree than the one before it", record: recnum };
      if (step.facts !== undefined) value = new Uint8Array(32);
      birth = step.facts ?? birth;
      value = extendValue(value, Buffer.from(step.digest, "hex"));
      lastAnchor = recnum;
    }
    tree.append(leafHash(line));
    if (tree.size % TILE_WIDTH === 0) await giveWay();
  }
  return { nvValue: Buffer.from(value).toString("hex"), lastAnchor, birth };
}

function isOverTree({ content, recnum }: LogRecord, root: string): boolean {
  return content["size"] === recnum && content["root"] === root;
}
