import type { EngineContext } from "./context.ts";
import { openUserPath } from "./user-path.ts";

/** Writes an armored signature to a file the user named, replacing what was there; returns its absolute path. */
export function writeSignatureFile(ctx: EngineContext, output: string, text: string): string {
  const { directory, name, path } = openUserPath(output);
  if (directory.has(name)) ctx.options.note(`replaced ${path}`);
  directory.writePlain(name, text, 0o644);
  return path;
}
