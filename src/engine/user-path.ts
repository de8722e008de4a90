import { basename, dirname, resolve } from "node:path";
import type { Files } from "../sys/host.ts";
import { openFiles } from "../sys/linux/files.ts";
import { UseCaseError } from "./errors.ts";

/** A file the user named, as a name in a directory. */
export interface UserPath {
  readonly directory: Files;
  readonly name: string;
  /** Absolute. */
  readonly path: string;
}

/**
 * Opens a path from the command line, relative to the working directory. The file need not exist.
 * @throws {UseCaseError} "engine/bad-input" for what cannot be a file's path.
 */
export function openUserPath(text: string): UserPath {
  const path = resolve(text);
  if (text === "" || text.includes("\0") || path === "/") {
    throw new UseCaseError("engine/bad-input", `Cannot use path ${JSON.stringify(text)}: it names no file`, {
      hint: "write it as ./FILE or /DIR/FILE",
    });
  }
  return { directory: openFiles(dirname(path)), name: basename(path), path };
}
