import type { Files } from "../../sys/host.ts";
import { leafHash } from "../merkle/hash.ts";
import type { TreeHead } from "../merkle/proofs.ts";
import { SEGMENT_RECORDS, segmentPath } from "./log-layout.ts";
import { type LogEnd, writeLogEnd } from "./log-state.ts";
import { formatRecord, type RecordContent } from "./record.ts";
import { TILE_WIDTH, tilePath } from "./tile-path.ts";
import { writeBundle } from "./write-tiles.ts";

/** A record that has been appended. */
export interface Appended {
  readonly recnum: number;
  /** SHA-256 of its content, hexadecimal. */
  readonly digest: string;
}

/** Appends while the lock is held. Nothing counts before `finish`, and after a crash the next command finishes it. */
export class LogAppender {
  readonly #files: Files;
  readonly #end: LogEnd;
  #pending: string[] = [];

  /** Whether nothing has been appended in this boot yet. */
  readonly isNewBoot: boolean;

  constructor(files: Files, end: LogEnd, { isNewBoot }: { readonly isNewBoot: boolean }) {
    this.#files = files;
    this.#end = end;
    this.isNewBoot = isNewBoot;
  }

  get head(): TreeHead {
    return { size: this.#end.frontier.size, root: this.#end.frontier.root() };
  }

  /** Bytes of the unfinished bundle's records, for whoever writes it. */
  get unfinished(): { readonly first: number; readonly count: number; readonly startByte: number } {
    const count = this.#end.frontier.size % TILE_WIDTH;
    return { first: this.#end.frontier.size - count, count, startByte: this.#end.bundleStart };
  }

  append(content: RecordContent, nvIndex?: number): Appended {
    const recnum = this.#end.frontier.size;
    const { line, digest } = formatRecord(content, { recnum, ...(nvIndex === undefined ? {} : { nvIndex }) });
    this.#pending.push(line);
    if (this.#advance(line)) {
      this.#flush(recnum);
      this.#completeBundle();
    }
    return { recnum, digest };
  }

  /** Takes over a line that is in the file already, from a command that was killed before it could say so. */
  adopt(line: Uint8Array): void {
    if (this.#advance(line)) this.#completeBundle();
  }

  /** Writes what is pending and where the log ends now; durable with `sync`. */
  finish({ sync }: { readonly sync: boolean }): void {
    const { size } = this.head;
    if (this.#pending.length > 0) this.#flush(size - 1);
    if (sync && size > 0) this.#files.sync(segmentPath(size - 1));
    writeLogEnd(this.#files, this.#end);
  }

  /** Counts a line; true when it completes a bundle. */
  #advance(line: string | Uint8Array): boolean {
    this.#end.frontier.append(leafHash(line));
    this.#end.segmentBytes += Buffer.byteLength(line) + 1;
    return this.#end.frontier.size % TILE_WIDTH === 0;
  }

  #flush(lastRecnum: number): void {
    this.#files.append(segmentPath(lastRecnum), `${this.#pending.join("\n")}\n`);
    this.#pending = [];
  }

  #completeBundle(): void {
    const { size } = this.#end.frontier;
    const first = size - TILE_WIDTH;
    this.#files.sync(segmentPath(first));
    // What is there already was written by a command before this one, and is evidence if it should differ.
    if (!this.#files.has(tilePath(0, first / TILE_WIDTH, TILE_WIDTH))) {
      writeBundle(this.#files, { first, count: TILE_WIDTH, startByte: this.#end.bundleStart });
    }
    if (size % SEGMENT_RECORDS === 0) this.#end.segmentBytes = 0;
    this.#end.bundleStart = this.#end.segmentBytes;
  }
}
