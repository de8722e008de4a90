import { writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { TempFile } from "./host.ts";
import { withFileErrors } from "./linux/file-error.ts";
import { openTempFile } from "./linux/temp-file.ts";
import { randomHex } from "./random.ts";

/** Writes a file at a path the user named, relative to the working directory. @throws {SysError} */
export function writeUserFile(path: string, content: string | Uint8Array): void {
  withFileErrors(`write "${path}"`, () => writeFileSync(path, content));
}

/**
 * A large file the user named (`path` absolute), written beside its place under a hidden name until it is whole; what
 * was there stays until then. @throws {SysError} when the directory is missing or may not be written.
 */
export function createUserFile(path: string): TempFile {
  return openTempFile(join(dirname(path), `.${basename(path)}.${randomHex(6)}`), () => path);
}
