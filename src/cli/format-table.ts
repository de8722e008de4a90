/** Columns aligned to the left by their widest cell, two spaces apart; no trailing blanks, no final line feed. */
export function formatTable(header: readonly string[] | undefined, rows: readonly (readonly string[])[]): string {
  const lines = header === undefined ? rows : [header, ...rows];
  const widths: number[] = [];
  for (const line of lines) {
    line.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, Bun.stringWidth(cell));
    });
  }
  return lines
    .map((line) =>
      line
        .map((cell, column) => pad(cell, widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function pad(cell: string, width: number): string {
  return cell + " ".repeat(Math.max(0, width - Bun.stringWidth(cell)));
}
