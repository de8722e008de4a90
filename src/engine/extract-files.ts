import { resolve } from "node:path";
import { toByteString } from "../image/layer/entry-path.ts";
import { copyTree } from "../store/copy-tree.ts";
import { layerRootAttributes } from "../store/layer-attributes.ts";
import type { MergedFile } from "../store/merged-tree.ts";
import { rootAttributesDir } from "../store/unpacked-layer.ts";
import { AT_FDCWD, O_DIRECTORY, O_PATH } from "../sys/linux/constants.ts";
import { openFiles } from "../sys/linux/files.ts";
import { openat2 } from "../sys/linux/fs-calls.ts";
import { OwnedFd } from "../sys/linux/owned-fd.ts";
import type { EngineContext } from "./context.ts";
import { UseCaseError } from "./errors.ts";
import type { ExtractedFiles, ExtractInput, RenderInput } from "./image-calls.ts";
import { openMerged } from "./open-merged.ts";
import { openUserPath } from "./user-path.ts";

interface ExtractOptions {
  readonly signal?: AbortSignal;
}

/**
 * `image extract`: files and directories out of an image, into a directory of the caller's, under their own names. All
 * paths are looked up, and all names checked to be free, before the first is written.
 * @throws {StoreError} "store/not-found"; {UseCaseError} "engine/bad-input" when a name is taken
 */
export async function extractFiles(
  ctx: EngineContext,
  input: ExtractInput,
  options: ExtractOptions = {},
): Promise<ExtractedFiles> {
  const target = openFiles(resolve(input.directory));
  using _import = await ctx.images.lockImport(options);
  const { tree } = await openMerged(ctx, input, options);
  using _tree = tree;
  const found = new Map<string, MergedFile>();
  for (const path of input.paths) {
    const file = tree.resolve(path);
    const name = path.split("/").findLast((part) => part !== "" && part !== "." && part !== "..");
    if (file === undefined || name === undefined || file.names.length === 0) throw noName(path);
    if (found.has(name) || target.has(name)) throw taken(name, target.root);
    found.set(name, file);
  }
  target.ensureDir("");
  using dir = new OwnedFd(openat2(AT_FDCWD, target.root, { flags: O_PATH | O_DIRECTORY }));
  const results = [...found].map(([name, file]) => {
    const place = { dirFd: dir.fd, name: toByteString(new TextEncoder().encode(name)) };
    return copyTree(tree, file, { place, kind: "files" });
  });
  return {
    directory: target.root,
    files: results.reduce((sum, { files }) => sum + files, 0),
    bytes: results.reduce((sum, { bytes }) => sum + bytes, 0),
    skipped: results.flatMap(({ skipped }) => skipped),
  };
}

/**
 * `image render`: the whole root file system of an image as a directory, every attribute as the image says. The directory
 * must not exist, or be empty; it appears when it is whole.
 * @throws {UseCaseError} "engine/bad-input" when something is there; {SysError} "sys/permission" without root
 */
export async function renderImage(
  ctx: EngineContext,
  input: RenderInput,
  options: ExtractOptions = {},
): Promise<ExtractedFiles> {
  const { directory, name, path } = openUserPath(input.directory);
  if (directory.has(name) && (directory.stat(name)?.kind !== "dir" || directory.list(name).length > 0))
    throw taken(name, directory.root);
  using _import = await ctx.images.lockImport(options);
  const { tree, layers } = await openMerged(ctx, input, options);
  using _tree = tree;
  const root = tree.resolve("/");
  if (root === undefined) throw noName("/");
  const attributesDir = rootAttributesDir(layers);
  const rootAttributes = attributesDir === undefined ? undefined : layerRootAttributes(attributesDir);
  const hidden = `.${name}.rendering-${process.pid}`;
  using dir = new OwnedFd(openat2(AT_FDCWD, directory.root, { flags: O_PATH | O_DIRECTORY }));
  try {
    const place = { dirFd: dir.fd, name: toByteString(new TextEncoder().encode(hidden)) };
    const made = copyTree(tree, root, {
      place,
      kind: "root",
      ...(rootAttributes === undefined ? {} : { rootAttributes }),
    });
    if (directory.has(name)) directory.remove(name);
    directory.rename(hidden, name);
    return { directory: path, ...made };
  } finally {
    directory.remove(hidden); // gone already when it got its name
  }
}

function noName(path: string): UseCaseError {
  return new UseCaseError("engine/bad-input", `Cannot extract "${path.slice(0, 200)}": it names no file of the image`, {
    hint: "name files or directories in it; for everything: gantry image render IMAGE DIR",
  });
}

function taken(name: string, directory: string): UseCaseError {
  return new UseCaseError("engine/bad-input", `Cannot write "${name}" into "${directory}": something is there`, {
    hint: "name an empty or new directory; nothing is ever replaced",
  });
}
