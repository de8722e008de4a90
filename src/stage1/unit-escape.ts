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

/** Doubles specifiers in a setting that takes the rest of its line as one value (WorkingDirectory=). */
export function escapeUnitValue(value: string): string {
  return value.replaceAll("%", "%%");
}
