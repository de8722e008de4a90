import { resolve } from "node:path";
import { type ByteString, fromByteString, splitEntryPath, toByteString } from "../../image/layer/entry-path.ts";
import type { TarEntry } from "../../image/layer/tar-entry.ts";
import { type TarHandler, TarReader } from "../../image/layer/tar-reader.ts";
import { decompress } from "../../store/decompress.ts";
import type { Files, TempFile } from "../../sys/host.ts";
import { openFiles } from "../../sys/linux/files.ts";
import type { LayerPlan, PlannedContent } from "./layer-plan.ts";
import type { TarAddition } from "./parse-addition.ts";

/**
 * Adds the members of a tarball (plain, gzip or zstd) to the plan, beneath the target: owners, modes, links and extended
 * attributes as the tarball has them. Contents wait in `spool`, a temporary file beneath `temp`.
 * @throws {ImageError} "image/bad-layer", "image/too-large"; {SysError} when there is no such file.
 */
export async function collectTar(
  plan: LayerPlan,
  addition: TarAddition,
  { temp, spool }: { readonly temp: Files; readonly spool: Spool },
): Promise<void> {
  const rel = resolve(addition.source).slice(1);
  const files = openFiles("/");
  const reader = new TarReader(new Collector(plan, { addition, temp, spool }));
  for await (const chunk of decompress(files.readChunks(rel), sniff(files, rel))) reader.push(chunk);
  reader.end();
}

/** A temporary file contents are appended to, and how far it is filled. */
export interface Spool {
  readonly file: TempFile;
  sizeBytes: number;
}

function sniff(files: Files, rel: string): "none" | "gzip" | "zstd" {
  for (const [a, b, c, d] of files.readChunks(rel)) {
    if (a === 0x1f && b === 0x8b) return "gzip";
    return a === 0x28 && b === 0xb5 && c === 0x2f && d === 0xfd ? "zstd" : "none";
  }
  return "none";
}

class Collector implements TarHandler {
  readonly #plan: LayerPlan;
  readonly #from: { readonly addition: TarAddition; readonly temp: Files; readonly spool: Spool };
  readonly #prefix: readonly ByteString[];

  constructor(plan: LayerPlan, from: { readonly addition: TarAddition; readonly temp: Files; readonly spool: Spool }) {
    this.#plan = plan;
    this.#from = from;
    this.#prefix = splitEntryPath(toByteString(new TextEncoder().encode(from.addition.target)));
  }

  onEntry(entry: TarEntry): void {
    const names = [...this.#prefix, ...splitEntryPath(entry.path)];
    if (names.length === 0) return; // the root's own attributes are the base image's
    const isHard = entry.kind === "hardlink";
    const link = isHard ? [...this.#prefix, ...splitEntryPath(entry.linkTarget)].join("/") : entry.linkTarget;
    this.#plan.add({
      path: names.join("/"),
      header: {
        kind: entry.kind,
        linkTarget: fromByteString(link),
        modeOctal: entry.modeOctal,
        uid: entry.uid,
        gid: entry.gid,
        devMajor: entry.devMajor,
        devMinor: entry.devMinor,
        xattrs: sortedXattrs(entry),
      },
      ...(entry.kind === "file" ? { content: this.#content(entry.sizeBytes) } : {}),
    });
  }

  onData(chunk: Uint8Array): void {
    this.#from.spool.file.write(chunk);
    this.#from.spool.sizeBytes += chunk.byteLength;
  }

  onEntryEnd(): void {}

  #content(sizeBytes: number): PlannedContent {
    const { temp, spool } = this.#from;
    const offset = spool.sizeBytes;
    const rel = spool.file.path.slice(temp.root.length + 1);
    return { sizeBytes, chunks: () => take(temp.readChunks(rel, offset), sizeBytes) };
  }
}

function sortedXattrs(entry: TarEntry): Record<string, Uint8Array> {
  return Object.fromEntries([...entry.xattrs].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function* take(chunks: Iterable<Uint8Array>, count: number): Iterable<Uint8Array> {
  let left = count;
  if (left === 0) return;
  for (const chunk of chunks) {
    yield chunk.subarray(0, left);
    left -= Math.min(left, chunk.byteLength);
    if (left === 0) return;
  }
}
