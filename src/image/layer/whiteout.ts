import { ImageError } from "../errors.ts";
import { badArchive } from "./bad-archive.ts";
import { type ByteString, showBytes } from "./entry-path.ts";

/** What a layer entry's last name component asks for. Names are byte strings (one character per byte). */
export type Whiteout =
  | { readonly kind: "none" }
  /** Hide `name` of the layers below. */
  | { readonly kind: "hide"; readonly name: string }
  /** Hide everything the layers below have in this directory. */
  | { readonly kind: "opaque" }
  /** Bookkeeping of an old storage driver: no file of the image. */
  | { readonly kind: "ignore" };

const PREFIX = ".wh.";
const META_PREFIX = ".wh..wh.";

/**
 * Tells whiteouts from files. Spec: OCI image-spec v1.1.0, layer.md "Whiteouts".
 * @throws {ImageError} "image/bad-layer" for a whiteout of nothing, "." or "..".
 */
export function parseWhiteout(baseName: string): Whiteout {
  if (!baseName.startsWith(PREFIX)) return { kind: "none" };
  if (baseName === `${META_PREFIX}.opq`) return { kind: "opaque" };
  if (baseName.startsWith(META_PREFIX)) return { kind: "ignore" };
  const name = baseName.slice(PREFIX.length);
  if (name !== "" && name !== "." && name !== "..") return { kind: "hide", name };
  throw new ImageError("image/bad-layer", `Cannot apply whiteout "${baseName}": it names no file`, {
    hint: "build the image again: a file name must not begin with .wh.",
  });
}

/**
 * Like `parseWhiteout` for a name in the directory `parent`. Whiteouts of an old storage driver fill whole directories;
 * those are ignored with all they contain.
 * @throws {ImageError} "image/bad-layer" also for a whiteout that is used as a directory.
 */
export function readWhiteout(parent: readonly ByteString[], name: ByteString): Whiteout {
  for (const part of parent) {
    const whiteout = parseWhiteout(part);
    if (whiteout.kind === "ignore") return whiteout;
    if (whiteout.kind !== "none") throw badArchive(`whiteout "${showBytes(part)}" is used as a directory`);
  }
  return parseWhiteout(name);
}
