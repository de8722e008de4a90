import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { SysError } from "./errors.ts";
import type { TempFile } from "./host.ts";
import { withFileErrors } from "./linux/file-error.ts";
import { openTempFile } from "./linux/temp-file.ts";
import { randomHex } from "./random.ts";

/** Writes a file at a path the user named, relative to the working directory. @throws {SysError} */
export function writeUserFile(path: string, content: string | Uint8Array): void {
  withFileErrors(`write "${path}"`, () => writeFileSync(path, content));
}

/** Makes a directory that the user named, unless it is there; its parent has to be. @throws {SysError} */
export function ensureUserDir(path: string): void {
  const stat = withFileErrors(`look at "${path}"`, () => statSync(path, { throwIfNoEntry: false }));
  if (stat?.isDirectory() === true) return;
  if (stat === undefined) return void withFileErrors(`make directory "${path}"`, () => mkdirSync(path));
  throw new SysError("sys/exists", `Cannot make directory "${path}": a file of that name is there`, {
    hint: "name a directory, or remove the file",
  });
}

/**
 * A large file the user named (`path` absolute), written beside its place under a hidden name until it is whole; what
 * was there stays until then. @throws {SysError} when the directory is missing or may not be written.
 */
export function createUserFile(path: string): TempFile {
  return openTempFile(join(dirname(path), `.${basename(path)}.${randomHex(6)}`), () => path);
}
