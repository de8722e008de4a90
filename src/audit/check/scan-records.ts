import type { Files } from "../../sys/host.ts";
import { type AnchorStep, stepOf } from "../anchor/anchor-steps.ts";
import { SEGMENT_RECORDS } from "../log/log-layout.ts";
import { prunedFrontier, readMinimum } from "../log/pruning.ts";
import { readAllLines } from "../log/read-lines.ts";
import { type LogRecord, parseRecord, readRecord } from "../log/record.ts";
import { Frontier } from "../merkle/frontier.ts";
import { isSameHash, leafHash, type TreeHash } from "../merkle/hash.ts";
import type { TreeHead } from "../merkle/proofs.ts";
import type { Problem } from "./problems.ts";
import { TileComparer } from "./tile-comparer.ts";

/** What one pass over all records found. */
export interface RecordScan {
  readonly head: TreeHead;
  /** Root at each size that was asked for and reached. */
  readonly roots: ReadonlyMap<number, TreeHash>;
  readonly steps: readonly AnchorStep[];
  readonly problems: readonly Problem[];
  readonly remarks: readonly string[];
}

/** What else to find out on the way. */
export interface ScanWishes {
  /** Sizes whose roots are wanted. */
  readonly rootsAt: ReadonlySet<number>;
  /** The checkpoint, whose partial tiles must be there. */
  readonly published: TreeHead | undefined;
}

const MAX_PROBLEMS = 20;

/**
 * Reads every record once, in constant memory: each must be canonical, in its place and fit its digest; lines, bundles
 * and tiles must agree; every tree head in a record must be that of the records before it.
 */
export function scanRecords(files: Files, wanted: ScanWishes): RecordScan {
  return new Scanner(files, wanted).run();
}

class Scanner {
  readonly #files: Files;
  readonly #rootsAt: ReadonlySet<number>;
  readonly #published: TreeHead | undefined;
  readonly #minimum: number;
  readonly #frontier: Frontier;
  readonly #tiles: TileComparer;
  readonly #roots = new Map<number, TreeHash>();
  readonly #steps: AnchorStep[] = [];
  readonly #problems: Problem[] = [];
  readonly #remarks: string[] = [];

  constructor(files: Files, { rootsAt, published }: ScanWishes) {
    this.#files = files;
    this.#rootsAt = rootsAt;
    this.#published = published;
    this.#minimum = readMinimum(files);
    this.#frontier = this.#minimum === 0 ? new Frontier() : prunedFrontier(files, this.#minimum);
    this.#tiles = new TileComparer(files, this.#minimum);
  }

  run(): RecordScan {
    for (const line of readAllLines(this.#files, this.#minimum)) {
      const recnum = this.#frontier.size;
      if (!line.whole) {
        this.#remark(`half a record behind record ${recnum - 1}: a command was killed, the next one repairs it`);
        break;
      }
      this.#checkLine(line.bytes, recnum);
      if (this.#problems.length >= MAX_PROBLEMS) break;
    }
    // Upper tiles that differ because of a record are no news.
    if (this.#problems.length === 0) this.#problems.push(...this.#tiles.problems);
    return {
      head: { size: this.#frontier.size, root: this.#frontier.root() },
      roots: this.#roots,
      steps: this.#steps,
      problems: this.#problems.toSorted((a, b) => (a.record ?? 0) - (b.record ?? 0)),
      remarks: this.#remarks,
    };
  }

  #checkLine(bytes: Uint8Array, recnum: number): void {
    const record = parseRecord(bytes);
    if (typeof record === "string") this.#problem(recnum, "record-edited", `record ${recnum} is ${record}`);
    else if (record.recnum === recnum) this.#checkContent(record);
    else if (this.#problems.length === 0) this.#misplaced(record.recnum, recnum);
    const leaf = leafHash(bytes);
    this.#frontier.append(leaf);
    const inBundle = this.#tiles.compare(recnum, bytes, { leaf, tileRoot: this.#frontier.tileRoot });
    const problem = inBundle ?? (recnum + 1 === this.#published?.size ? this.#comparePartial() : undefined);
    if (problem !== undefined && this.#problems.at(-1)?.record !== recnum) this.#problems.push(problem);
    if (this.#rootsAt.has(recnum + 1)) this.#roots.set(recnum + 1, this.#frontier.root());
  }

  // A checkpoint over another tree has other tiles: that they are not here is not the news.
  #comparePartial(): Problem | undefined {
    const problem = this.#tiles.comparePartial();
    const isOther = !isSameHash(this.#frontier.root(), this.#published?.root ?? new Uint8Array(0));
    return problem?.kind === "tiles-missing" && isOther ? undefined : problem;
  }

  #checkContent(record: LogRecord): void {
    const { content, recnum } = record;
    const size = content["size"];
    const root = content["root"];
    if (TREE_HEADS.has(content.type) && (size !== recnum || root !== hex(this.#frontier.root()))) {
      this.#problem(
        recnum,
        "anchor-record-wrong",
        `record ${recnum} (${content.type}) names another tree than the one before it`,
      );
    }
    const step = stepOf(record);
    if (step !== undefined) this.#steps.push(step);
    if (content.type === "log.damaged") {
      const found = Number(content["foundSize"]);
      this.#problem(
        found,
        "truncated",
        `record ${recnum} says that ${Number(content["expectedSize"])} records were here, and ${found} were found`,
      );
    }
    if (content.type === "log.repaired") this.#remark(`record ${recnum}: a crash was repaired`);
    if (content["late"] === true)
      this.#remark(`record ${recnum} was written late: the log could not be written before`);
  }

  // The next line tells what happened: a jump forward is a deletion unless the missing ones follow later.
  #misplaced(found: number, expected: number): void {
    const numbers = this.#numbersFrom(expected);
    const next = numbers[1];
    if (found < expected)
      this.#problem(expected, "record-inserted", `a second record ${found} stands where ${expected} belongs`);
    else if (numbers.includes(expected))
      this.#problem(expected, "record-reordered", `record ${found} stands where ${expected} belongs`);
    else if (next === expected + 1)
      this.#problem(expected, "record-edited", `record ${expected} calls itself ${found}`);
    else this.#problem(expected, "record-missing", `record ${expected} is missing, ${found} follows`);
  }

  /** Numbers of the lines from where record `expected` should be, as far as its file goes. */
  #numbersFrom(expected: number): number[] {
    const numbers: number[] = [];
    let at = Math.max(this.#minimum, Math.floor(expected / SEGMENT_RECORDS) * SEGMENT_RECORDS);
    for (const line of readAllLines(this.#files, at)) {
      if (at++ >= expected) numbers.push(readRecord(Buffer.from(line.bytes).toString("utf8"))?.recnum ?? -1);
      if (numbers.length > SEGMENT_RECORDS) break;
    }
    return numbers;
  }

  #problem(record: number, kind: Problem["kind"], detail: string): void {
    this.#problems.push({ record, kind, detail });
  }

  #remark(text: string): void {
    if (this.#remarks.length < MAX_PROBLEMS) this.#remarks.push(text);
  }
}

/** Events that carry the tree head of all records before them. */
const TREE_HEADS: ReadonlySet<string> = new Set(["audit.started", "audit.anchored", "audit.initialised"]);

function hex(hash: TreeHash): string {
  return Buffer.from(hash).toString("hex");
}
