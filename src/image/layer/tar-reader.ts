import { ImageError } from "../errors.ts";
import { badArchive } from "./bad-archive.ts";
import { type ByteString, toByteString } from "./entry-path.ts";
import { decodePax, type PaxRecords } from "./pax.ts";
import { resolveEntry } from "./resolve-entry.ts";
import type { TarEntry } from "./tar-entry.ts";
import { BLOCK_BYTES, decodeTarHeader, type TarHeader } from "./tar-header.ts";

/** Receives the members in order: `onEntry`, then `onData` until `sizeBytes` are through, then `onEntryEnd`. */
export interface TarHandler {
  onEntry(entry: TarEntry): void;
  /** A view into the pushed chunk: valid only during the call. */
  onData(chunk: Uint8Array): void;
  onEntryEnd(): void;
}

/** How much one archive may hold before it is refused. */
export interface TarLimits {
  readonly maxEntries: number;
  /** Sum of all file contents. */
  readonly maxContentBytes: number;
}

/** 4 million members, 100 GiB. */
export const DEFAULT_TAR_LIMITS: TarLimits = { maxEntries: 4_000_000, maxContentBytes: 100 * 1024 ** 3 };

const MAX_META_BYTES = 1024 * 1024;
const NO_RECORDS: PaxRecords = new Map();

/**
 * Tar reader that is pushed chunks of any size and calls back synchronously. Own code, because the readers on npm decode
 * names as UTF-8 (which changes others), await something for every member, and do not bound extended headers; layers
 * need exact bytes, hostile-input limits, and speed. Global headers are checked and then ignored, as the Go tools that
 * made the format's practice do. Bytes after the end mark are ignored.
 */
export class TarReader {
  readonly #handler: TarHandler;
  readonly #limits: TarLimits;
  readonly #header = Buffer.alloc(BLOCK_BYTES);
  #headerFill = 0;
  /** Content bytes still to come for the member or extended header at hand, then padding. */
  #remaining = 0;
  #padding = 0;
  #state: "header" | "data" | "meta" | "padding" | "ended" = "header";
  #zeroBlocks = 0;
  #metaType = "";
  #meta: Uint8Array[] = [];
  #pax: PaxRecords = NO_RECORDS;
  #longPath: ByteString | undefined;
  #longLink: ByteString | undefined;
  #entries = 0;
  #contentBytes = 0;

  constructor(handler: TarHandler, limits: TarLimits = DEFAULT_TAR_LIMITS) {
    this.#handler = handler;
    this.#limits = limits;
  }

  /** @throws {ImageError} "image/bad-layer", "image/too-large"; the reader is unusable afterwards. */
  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length && this.#state !== "ended") at += this.#take(chunk, at);
  }

  /** To be called after the last chunk. @throws {ImageError} "image/bad-layer" when a member was cut short. */
  end(): void {
    const between = this.#state === "header" && this.#headerFill === 0 && !this.#hasExtensions();
    if (this.#state !== "ended" && this.#state !== "padding" && !between)
      throw badArchive("it ends in the middle of a member");
  }

  #take(chunk: Uint8Array, at: number): number {
    const available = chunk.length - at;
    switch (this.#state) {
      case "header":
        return this.#takeHeader(chunk, at);
      case "data":
      case "meta": {
        const count = Math.min(available, this.#remaining);
        const piece = chunk.subarray(at, at + count);
        if (this.#state === "data") this.#handler.onData(piece);
        else this.#meta.push(piece.slice());
        this.#remaining -= count;
        if (this.#remaining === 0) this.#finishContent();
        return count;
      }
      case "padding": {
        const count = Math.min(available, this.#padding);
        this.#padding -= count;
        if (this.#padding === 0) this.#state = "header";
        return count;
      }
      case "ended":
        return available;
    }
  }

  #takeHeader(chunk: Uint8Array, at: number): number {
    if (this.#headerFill === 0 && chunk.length - at >= BLOCK_BYTES) {
      this.#onHeader(chunk.subarray(at, at + BLOCK_BYTES));
      return BLOCK_BYTES;
    }
    const count = Math.min(chunk.length - at, BLOCK_BYTES - this.#headerFill);
    this.#header.set(chunk.subarray(at, at + count), this.#headerFill);
    this.#headerFill += count;
    if (this.#headerFill === BLOCK_BYTES) {
      this.#headerFill = 0;
      this.#onHeader(this.#header);
    }
    return count;
  }

  #onHeader(block: Uint8Array): void {
    const header = decodeTarHeader(block);
    if (header === undefined) {
      if (this.#hasExtensions()) throw badArchive("it ends after an extended header");
      this.#zeroBlocks++;
      if (this.#zeroBlocks === 2) this.#state = "ended";
      return;
    }
    if (this.#zeroBlocks > 0) throw badArchive("a member follows the end mark");
    if (++this.#entries > this.#limits.maxEntries) throw tooLarge(`more than ${this.#limits.maxEntries} members`);
    if ("xgLK".includes(header.type)) this.#startMeta(header);
    else this.#startEntry(header);
  }

  #startMeta(header: TarHeader): void {
    if (header.sizeBytes > MAX_META_BYTES) throw badArchive(`extended header has more than ${MAX_META_BYTES} bytes`);
    this.#metaType = header.type;
    this.#meta = [];
    this.#startContent("meta", header.sizeBytes);
  }

  #startEntry(header: TarHeader): void {
    const entry = resolveEntry(header, { pax: this.#pax, longPath: this.#longPath, longLink: this.#longLink });
    this.#pax = NO_RECORDS;
    this.#longPath = undefined;
    this.#longLink = undefined;
    this.#contentBytes += entry.sizeBytes;
    if (this.#contentBytes > this.#limits.maxContentBytes)
      throw tooLarge(`more than ${this.#limits.maxContentBytes} bytes of content`);
    this.#handler.onEntry(entry);
    this.#startContent("data", entry.sizeBytes);
  }

  #startContent(state: "data" | "meta", sizeBytes: number): void {
    this.#state = state;
    this.#remaining = sizeBytes;
    this.#padding = (BLOCK_BYTES - (sizeBytes % BLOCK_BYTES)) % BLOCK_BYTES;
    if (sizeBytes === 0) this.#finishContent();
  }

  #finishContent(): void {
    if (this.#state === "data") this.#handler.onEntryEnd();
    else this.#finishMeta();
    this.#state = this.#padding > 0 ? "padding" : "header";
  }

  #finishMeta(): void {
    const bytes = Buffer.concat(this.#meta);
    this.#meta = [];
    if (this.#metaType === "g") decodePax(bytes);
    else if (this.#metaType === "x") this.#pax = decodePax(bytes);
    else {
      const nul = bytes.indexOf(0);
      const name = toByteString(nul < 0 ? bytes : bytes.subarray(0, nul));
      if (this.#metaType === "L") this.#longPath = name;
      else this.#longLink = name;
    }
  }

  #hasExtensions(): boolean {
    return this.#pax !== NO_RECORDS || this.#longPath !== undefined || this.#longLink !== undefined;
  }
}

function tooLarge(what: string): ImageError {
  return new ImageError("image/too-large", `Cannot unpack layer: ${what}`, {
    hint: "raise the limit if this image is meant to be so large",
  });
}
