import { ImageError } from "../image/errors.ts";
import { showBytes } from "../image/layer/entry-path.ts";
import type { TarEntry } from "../image/layer/tar-entry.ts";
import { type TarHandler, TarReader } from "../image/layer/tar-reader.ts";
import { badCheckpoint, CHECKPOINT_DOCUMENT, type CheckpointDocument } from "../pod/checkpoint-document.ts";
import { CHECKPOINT_DIR, SHARED_MEMORY_FILE } from "../pod/checkpoint-record.ts";
import { writeStartedApp } from "../pod/resolved-app.ts";
import { StoreError } from "../store/errors.ts";
import { openTreeSink, type TreeSink } from "../store/tree-sink.ts";
import type { Files, TempFile } from "../sys/host.ts";
import { CHECKPOINT_END, exportedTrees } from "./export-pod.ts";

/** As for image layers: content is bounded by the archive's own size before. */
const LIMITS = { maxEntries: 4_000_000, maxContentBytes: 100 * 1024 ** 3 };
const MAX_FILES = 20_000;
const TRASH = "trash";

/**
 * Writes what an exported checkpoint holds into the directory of a new pod: only members a checkpoint of that manifest has,
 * each at its own place. @throws {PodError} "pod/bad-checkpoint" for anything else, and for an archive that is cut short
 */
export function unpackCheckpoint(
  pod: Files,
  { document, chunks }: { readonly document: CheckpointDocument; chunks(): Iterable<Uint8Array> },
  options: { readonly signal?: AbortSignal } = {},
): void {
  pod.ensureDir(TRASH, 0o700);
  using router = new Router(pod, document);
  const reader = new TarReader(router, LIMITS);
  try {
    for (const chunk of chunks()) {
      options.signal?.throwIfAborted();
      reader.push(chunk);
    }
    reader.end();
  } catch (reason) {
    if (reason instanceof ImageError || reason instanceof StoreError) throw badCheckpoint(reason.message, reason);
    throw reason;
  }
  router.finish();
  pod.remove(TRASH);
  for (const [app, started] of Object.entries(document.started)) writeStartedApp(pod, app, started);
  for (const app of document.record.apps) pod.writePlain(`apps/${app}/started`, "", 0o600);
  for (const [app, code] of Object.entries(document.ended)) pod.writePlain(`status/${app}`, `${code}\n`, 0o600);
}

/** Sends each member to the place that is its own by its name. */
class Router implements TarHandler, Disposable {
  readonly #pod: Files;
  readonly #trees: readonly { readonly prefix: string; readonly sink: TreeSink }[];
  readonly #guard = new DisposableStack();
  readonly #allowed: RegExp;
  readonly #seen = new Set<string>();
  #target: TarHandler | undefined;
  #file: { readonly temp: TempFile; readonly rel: string } | undefined;
  #isWhole = false;

  constructor(pod: Files, { manifest, record }: CheckpointDocument) {
    this.#pod = pod;
    const apps = manifest.apps.map(({ name }) => name).join("|");
    const files = [
      `${CHECKPOINT_DIR}/(?:${apps})/[A-Za-z0-9][A-Za-z0-9._-]{0,200}`,
      SHARED_MEMORY_FILE.replaceAll(".", "\\."),
      `logs/(?:${apps})/log`,
    ];
    this.#allowed = new RegExp(`^(?:${files.join("|")})$`);
    this.#trees = exportedTrees(manifest, record).map(({ prefix, rel }) => {
      pod.ensureDir(rel, 0o755);
      return { prefix, sink: this.#guard.use(openTreeSink(pod.path(rel), pod.path(TRASH))) };
    });
  }

  onEntry(entry: TarEntry): void {
    if (this.#isWhole) throw badCheckpoint("something follows its end");
    const tree = this.#trees.find(({ prefix }) => entry.path.startsWith(prefix));
    this.#target = tree?.sink.handler;
    if (tree !== undefined) {
      tree.sink.handler.onEntry(within(entry, tree.prefix));
      return;
    }
    if (entry.kind === "dir" && entry.path.endsWith("/")) return; // parents, which are made when they are needed
    if (entry.path === CHECKPOINT_DOCUMENT && this.#seen.size === 0) this.#seen.add(entry.path);
    else if (entry.path === CHECKPOINT_END) this.#isWhole = true;
    else this.#openFile(entry);
  }

  onData(chunk: Uint8Array): void {
    this.#target?.onData(chunk);
    this.#file?.temp.write(chunk);
  }

  onEntryEnd(): void {
    this.#target?.onEntryEnd();
    this.#target = undefined;
    const file = this.#file;
    if (file === undefined) return;
    this.#file = undefined;
    file.temp.commit(file.rel, 0o600);
    file.temp[Symbol.dispose]();
  }

  /** After the last member. */
  finish(): void {
    if (!this.#isWhole) throw badCheckpoint("it is cut short");
    for (const { sink } of this.#trees) sink.finish();
  }

  [Symbol.dispose](): void {
    this.#file?.temp[Symbol.dispose]();
    this.#guard.dispose();
  }

  #openFile(entry: TarEntry): void {
    const shown = showBytes(entry.path);
    if (entry.kind !== "file" || !this.#allowed.test(entry.path)) throw badCheckpoint(`"${shown}" has no place in it`);
    if (this.#seen.has(entry.path)) throw badCheckpoint(`"${shown}" is there twice`);
    if (this.#seen.size >= MAX_FILES) throw badCheckpoint(`it has more than ${MAX_FILES} files`);
    this.#seen.add(entry.path);
    this.#pod.ensureDir(entry.path.slice(0, entry.path.lastIndexOf("/")), 0o700);
    this.#file = { temp: this.#pod.createTemp(), rel: entry.path };
  }
}

/** A member of a tree by its path within the tree; hard links stay within. */
function within(entry: TarEntry, prefix: string): TarEntry {
  const path = entry.path.slice(prefix.length);
  if (entry.kind !== "hardlink") return { ...entry, path };
  if (!entry.linkTarget.startsWith(prefix)) throw badCheckpoint(`"${showBytes(entry.path)}" is a link out of its tree`);
  return { ...entry, path, linkTarget: entry.linkTarget.slice(prefix.length) };
}
