import { EngineError, formatReason } from "../base/errors.ts";
import { type Digest, parseDigest } from "../image/digest.ts";
import { encodeIndex } from "../image/encode-document.ts";
import { hasLayoutMark, layoutEntries, writeImageLayout } from "../store/image-layout.ts";
import { listPins } from "../store/image-pins.ts";
import { type ImageRef, readAllRefs, readRefFile, rootsOfRef } from "../store/image-refs.ts";
import { findReachable } from "../store/reachable.ts";
import { GC_LOCK, IMAGES_DIR, LAYERS_DIR, PARTIAL_DIR, REFS_DIR, TMP_DIR } from "../store/store-paths.ts";
import type { EngineContext } from "./context.ts";
import type { StoreProblem, StoreReport } from "./image-calls.ts";
import { checkBlob } from "./verify/check-blob.ts";
import { verifyImages } from "./verify-images.ts";

const HOUR_MS = 3_600_000;
/** Nobody writes one file for so long; a download may be continued the next day. */
const TEMP_AGE_MS = HOUR_MS;
const PARTIAL_AGE_MS = 24 * HOUR_MS;

interface CheckOptions {
  readonly signal?: AbortSignal;
}

/**
 * `doctor --store`: looks through the whole store, as after a power cut: leftovers, references that cannot be read or lead
 * nowhere, blobs that are not what their names say, layers without their end mark, an index that differs from the
 * references. With `repair` what is rubbish goes and what is missing is fetched again; nothing good is touched. Repairs
 * only while no image is being fetched.
 */
export async function checkStoreContent(
  ctx: EngineContext,
  input: { readonly repair: boolean },
  options: CheckOptions = {},
): Promise<StoreReport> {
  const check = new StoreCheck(ctx, input.repair);
  {
    using lock = input.repair ? ctx.root.lock(GC_LOCK, { kind: "exclusive", wait: false }) : undefined;
    if (input.repair && lock === undefined)
      check.say(GC_LOCK, "is held: an image is being fetched; nothing is repaired now");
    else check.run(options);
  }
  await check.finish(options);
  return check.report;
}

class StoreCheck {
  readonly report: { blobs: number; layers: number; names: number; readonly problems: StoreProblem[] } = {
    blobs: 0,
    layers: 0,
    names: 0,
    problems: [],
  };
  readonly #ctx: EngineContext;
  readonly #repair: boolean;
  readonly #refs: ImageRef[] = [];

  constructor(ctx: EngineContext, repair: boolean) {
    this.#ctx = ctx;
    this.#repair = repair;
  }

  run(options: CheckOptions): void {
    this.#leftovers(TMP_DIR, TEMP_AGE_MS, "is left of something that was broken off");
    this.#leftovers(PARTIAL_DIR, PARTIAL_AGE_MS, "is a download that nobody went on with");
    this.#references();
    this.#blobs(options);
    this.#layers();
  }

  /** What is repaired by others' means, under their own locks. */
  async finish(options: CheckOptions): Promise<void> {
    await this.#index();
    const pinned = listPins(this.#ctx.root).filter(({ digest }) => !this.#ctx.images.hasBlob(digest));
    for (const { digest, name } of pinned) this.say(`pins/${digest}`, `pins "${name}", which is not stored`);
    await this.#missing(options);
  }

  say(what: string, problem: string, fix?: () => void): void {
    if (!this.#repair || fix === undefined) {
      this.report.problems.push({ what, problem, repair: "none" });
      return;
    }
    try {
      fix();
      this.report.problems.push({ what, problem, repair: "repaired" });
    } catch (reason) {
      if (!(reason instanceof EngineError)) throw reason;
      this.report.problems.push({ what, problem, repair: "failed", reason: formatReason(reason) });
    }
  }

  #leftovers(dir: string, ageMs: number, problem: string): void {
    const { root, clock } = this.#ctx;
    for (const name of root.list(dir)) {
      const stat = root.stat(`${dir}/${name}`);
      const isOld = stat !== undefined && Math.max(stat.modifiedAtMs, stat.changedAtMs) < clock.nowMs() - ageMs;
      if (isOld) this.say(`${dir}/${name}`, problem, () => root.remove(`${dir}/${name}`));
    }
  }

  #references(): void {
    const { root } = this.#ctx;
    for (const file of root.list(REFS_DIR)) {
      const path = `${REFS_DIR}/${file}`;
      this.report.names++;
      try {
        const ref = readRefFile(root, path);
        if (ref !== undefined) this.#refs.push(ref);
      } catch (reason) {
        if (!(reason instanceof EngineError)) throw reason;
        this.say(path, `cannot be read: the name ${decodeURIComponent(file)} has to be fetched again`, () =>
          root.remove(path),
        );
      }
    }
  }

  #blobs(options: CheckOptions): void {
    const { root } = this.#ctx;
    const dir = `${IMAGES_DIR}/blobs`;
    for (const algorithm of root.list(dir)) {
      for (const hex of root.list(`${dir}/${algorithm}`)) {
        const path = `${dir}/${algorithm}/${hex}`;
        const digest = digestOfName(`${algorithm}:${hex}`);
        const problem = digest === undefined ? "is no blob" : checkBlob(this.#ctx, { digest }, options);
        this.report.blobs++;
        if (problem !== undefined) this.say(digest ?? path, problem, () => root.remove(path));
      }
    }
  }

  #layers(): void {
    const { root } = this.#ctx;
    for (const name of root.list(LAYERS_DIR)) {
      const path = `${LAYERS_DIR}/${name}`;
      this.report.layers++;
      const problem = this.#layerProblem(path, name);
      if (problem !== undefined) this.say(path, problem, () => root.remove(path));
    }
  }

  #layerProblem(path: string, name: string): string | undefined {
    const { root } = this.#ctx;
    if (digestOfName(name.split("+")[0]?.replace("-", ":") ?? "") === undefined) return "is no layer";
    if (root.stat(`${path}/tree`)?.kind !== "dir") return "is half a layer: its tree is missing";
    if (!root.has(`${path}/meta.json`)) return "is half a layer: its end mark is missing";
    try {
      const meta: { readonly diffId?: unknown } = JSON.parse(root.readText(`${path}/meta.json`));
      return meta.diffId === name.split("+")[0]?.replace("-", ":") ? undefined : "has the end mark of another layer";
    } catch {
      return "is half a layer: its end mark is damaged"; // whatever the reason, it is unpacked again
    }
  }

  async #index(): Promise<void> {
    const { root } = this.#ctx;
    const refs = readAllRefs(root, { skipDamaged: true });
    if (refs.length === 0 && !root.has(`${IMAGES_DIR}/index.json`)) return;
    const want = Buffer.from(encodeIndex({ manifests: layoutEntries(refs) }));
    const path = `${IMAGES_DIR}/index.json`;
    const isGood =
      hasLayoutMark(root) && root.has(path) && want.equals(Buffer.from(root.readBytes(path, 64 * 1024 * 1024)));
    if (isGood) return;
    if (this.#repair) await writeImageLayout(root);
    const repair = this.#repair ? ("repaired" as const) : ("none" as const);
    this.report.problems.push({ what: path, problem: "differs from the names in the store", repair });
  }

  /** Blobs that names need and that are not there (any more): fetched again, where the image came from a registry. */
  async #missing(options: CheckOptions): Promise<void> {
    const known = new Set(this.report.problems.filter(({ repair }) => repair === "none").map(({ what }) => what));
    const dangling = this.#refs.filter((ref) => !this.#isWhole(ref));
    for (const ref of dangling) {
      if (!this.#repair) {
        if (!known.has(ref.descriptor.digest))
          this.report.problems.push({ what: ref.name, problem: "lacks parts of its image", repair: "none" });
        continue;
      }
      const [verified] = await verifyImages(this.#ctx, { images: [ref.name], repair: true }, options);
      this.report.problems.push(...(verified?.problems ?? []));
    }
  }

  #isWhole(ref: ImageRef): boolean {
    const { images } = this.#ctx;
    try {
      return [...findReachable(images.files, rootsOfRef(ref)).blobs].every((digest) => images.hasBlob(digest));
    } catch (reason) {
      if (reason instanceof EngineError) return false; // a document of it is damaged
      throw reason;
    }
  }
}

function digestOfName(text: string): Digest | undefined {
  try {
    return parseDigest(text);
  } catch {
    return undefined; // the caller says what it is instead
  }
}
