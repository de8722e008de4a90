import { readFileSync, writeFileSync } from "node:fs";
import { REGIMES } from "./lab.ts";

const DOCUMENT = new URL("../../docs/regimes.md", import.meta.url).pathname;

/** What was measured of one row in one regime. */
export interface Cell {
  /** Such as `yes`, `refused`, or `fails` where the test has failed. */
  readonly text: string;
  /** A sentence for the footnotes; equal ones share a number. */
  readonly note?: string;
}

/** Rows by name, in the order of the table; cells by column: a regime, or one of the caller's own. */
export type Measured = ReadonlyMap<string, ReadonlyMap<string, Cell>>;

/** The measured cells as a Markdown table with numbered footnotes. */
export function renderTable(first: string, measured: Measured, more: readonly string[] = []): string {
  const columns = [...REGIMES, ...more];
  const notes: string[] = [];
  const show = (cell: Cell | undefined): string => {
    if (cell === undefined) return "not run";
    if (cell.note === undefined) return cell.text;
    if (!notes.includes(cell.note)) notes.push(cell.note);
    return `${cell.text} [${notes.indexOf(cell.note) + 1}]`;
  };
  const rows = [...measured].map(
    ([name, cells]) => `| ${name} | ${columns.map((column) => show(cells.get(column))).join(" | ")} |`,
  );
  const head = [`| ${first} | ${columns.join(" | ")} |`, `|---|${columns.map(() => "---|").join("")}`];
  const footnotes = notes.length === 0 ? [] : ["", ...notes.map((note, at) => `${at + 1}. ${note}`)];
  return [...head, ...rows, ...footnotes].join("\n");
}

/**
 * The part of docs/regimes.md that holds the table `name`, between its markers. With GANTRY_WRITE_DOCS=1 it is replaced by
 * what was measured first.
 */
export function documentedTable(name: string, table: string): string {
  const text = readFileSync(DOCUMENT, "utf8");
  const [from, to] = [`<!-- measured: ${name} -->\n`, `\n<!-- end: ${name} -->`];
  const [start, end] = [text.indexOf(from) + from.length, text.indexOf(to)];
  if (start < from.length || end < start) throw new Error(`docs/regimes.md has no markers for the table "${name}"`);
  if (process.env["GANTRY_WRITE_DOCS"] !== "1") return text.slice(start, end);
  writeFileSync(DOCUMENT, text.slice(0, start) + table + text.slice(end));
  return table;
}
