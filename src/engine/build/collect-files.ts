import { basename, resolve } from "node:path";
import { toByteString } from "../../image/layer/entry-path.ts";
import type { FileStat, Files } from "../../sys/host.ts";
import { openFiles } from "../../sys/linux/files.ts";
import { UseCaseError } from "../errors.ts";
import type { LayerPlan } from "./layer-plan.ts";
import type { Addition } from "./parse-addition.ts";

const MAX_FILES = 5_000_000;

/**
 * Adds a file, or what is in a directory, to the plan. Owner and mode come from the addition, never from this machine:
 * two builders with other accounts and another umask get the same layer. Links stay links.
 * @throws {UseCaseError} "engine/bad-input" for a missing source, or a device, socket or pipe in it.
 */
export function collectFiles(plan: LayerPlan, addition: Addition): void {
  const path = resolve(addition.source);
  const files = openFiles("/");
  const rel = path.slice(1);
  const stat = rel === "" ? undefined : files.statFollowing(rel);
  if (stat === undefined) throw unusable(path, "there is no such file");
  const walk = new Walk(plan, files, addition);
  const target = addition.target.replace(/\/+$/, "");
  if (stat.kind === "dir") walk.directory(rel, target);
  else walk.entry(rel, addition.target.endsWith("/") ? `${target}/${basename(path)}` : target, stat);
}

class Walk {
  readonly #plan: LayerPlan;
  readonly #files: Files;
  readonly #addition: Addition;
  #count = 0;

  constructor(plan: LayerPlan, files: Files, addition: Addition) {
    this.#plan = plan;
    this.#files = files;
    this.#addition = addition;
  }

  directory(rel: string, target: string): void {
    if (target !== "") this.#add(target, { kind: "dir", modeOctal: this.#addition.modeOctal ?? 0o755 });
    for (const name of this.#files.list(rel)) {
      if (name.startsWith(".wh."))
        throw unusable(`/${rel}/${name}`, "names that begin with .wh. remove files in an image");
      const child = `${rel}/${name}`;
      const stat = this.#files.stat(child);
      if (stat === undefined) throw unusable(`/${child}`, "it vanished meanwhile, or its name is not UTF-8");
      if (stat.kind === "dir") this.directory(child, `${target}/${name}`);
      else this.entry(child, `${target}/${name}`, stat);
    }
  }

  entry(rel: string, target: string, stat: FileStat): void {
    if (stat.kind === "symlink") {
      this.#add(target, { kind: "symlink", linkTarget: this.#files.readLink(rel), modeOctal: 0o777 });
      return;
    }
    if (stat.kind !== "file") throw unusable(`/${rel}`, "it is neither file, directory nor link");
    const usual = (stat.modeOctal & 0o111) === 0 ? 0o644 : 0o755;
    const files = this.#files;
    this.#add(
      target,
      { kind: "file", modeOctal: this.#addition.modeOctal ?? usual },
      { sizeBytes: stat.sizeBytes, chunks: () => files.readChunks(rel) },
    );
  }

  #add(
    target: string,
    header: { readonly kind: "file" | "dir" | "symlink"; readonly modeOctal: number; readonly linkTarget?: string },
    content?: { readonly sizeBytes: number; chunks(): Iterable<Uint8Array> },
  ): void {
    if (++this.#count > MAX_FILES) throw unusable(this.#addition.source, `it holds more than ${MAX_FILES} files`);
    const { uid, gid } = this.#addition;
    const path = toByteString(new TextEncoder().encode(target.slice(1)));
    if (path === "") throw unusable(this.#addition.source, "a file cannot become the root directory");
    this.#plan.add({ path, header: { ...header, uid, gid }, ...(content === undefined ? {} : { content }) });
  }
}

function unusable(path: string, state: string): UseCaseError {
  return new UseCaseError("engine/bad-input", `Cannot add "${path}" to an image: ${state}`, {
    hint: "name an existing file or directory that holds files, directories and links only",
  });
}
