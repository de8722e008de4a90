import { Stage1Error } from "./errors.ts";

/**
 * Quotes one word for a unit file setting that splits words (ExecStart=, Environment=): C escapes inside double quotes,
 * specifiers doubled. Any text without NUL comes back unchanged in the process. Spec: systemd.syntax(7), "Quoting".
 */
export function quoteUnitWord(word: string): string {
  const escaped = word.replace(/[\\"%\x00-\x1f\x7f]/g, (char) => {
    if (char === "%") return "%%";
    if (char === "\\" || char === '"') return `\\${char}`;
    return `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
  return `"${escaped}"`;
}

/**
 * A path for a setting that takes the rest of its line as one value (WorkingDirectory=): specifiers doubled, and a slash
 * at the end, so that a backslash there does not swallow the next line and a blank is not cut off.
 * @throws {Stage1Error} "stage1/start-failed" for control characters: systemd ends a line at a carriage return too.
 */
export function unitPath(path: string): string {
  if (/[\x00-\x1f\x7f]/.test(path)) {
    throw new Stage1Error("stage1/start-failed", `Cannot use path ${JSON.stringify(path)}: it has control characters`, {
      hint: "choose another working directory: --working-dir /PATH",
    });
  }
  return `${path.replaceAll("%", "%%")}/`;
}
