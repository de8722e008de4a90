import { writeFileSync } from "node:fs";
import { withFileErrors } from "./linux/file-error.ts";

/** Writes a file at a path the user named, relative to the working directory. @throws {SysError} */
export function writeUserFile(path: string, text: string): void {
  withFileErrors(`write "${path}"`, () => writeFileSync(path, text));
}
