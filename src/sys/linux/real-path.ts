import { realpathSync } from "node:fs";
import { resolve } from "node:path";

/** The absolute path without symbolic links; of what does not exist, the absolute path as it is. */
export function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    // Missing or unreadable: whoever opens it says so.
    return resolve(path);
  }
}
