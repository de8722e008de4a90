import { formatTable } from "./format-table.ts";
import { printable } from "./format-values.ts";
import type { Stream } from "./host.ts";

/** How results and remarks are shown. */
export interface OutputStyle {
  readonly json: boolean;
  readonly legend: boolean;
  readonly quiet: boolean;
  readonly color: boolean;
}

/** The result on stdout, everything else on stderr. Cells and lines of text are cleaned of control characters. */
export class Output {
  readonly #stdout: Stream;
  readonly #stderr: Stream;
  readonly style: OutputStyle;

  constructor(streams: { readonly stdout: Stream; readonly stderr: Stream }, style: OutputStyle) {
    this.#stdout = streams.stdout;
    this.#stderr = streams.stderr;
    this.style = style;
  }

  /** The value itself with `--json`, else the text made of it; an empty text prints nothing. */
  result<T>(value: T, render: (value: T) => string): void {
    if (this.style.json) this.#stdout.write(`${JSON.stringify(value, undefined, 2)}\n`);
    else this.text(render(value));
  }

  /** Lines for people, with or without `--json`. */
  text(text: string): void {
    if (text !== "") this.#stdout.write(`${cleanLines(text)}\n`);
  }

  /** Bytes as they are: logs, manifests. */
  bytes(stream: "stdout" | "stderr", bytes: Uint8Array | string): void {
    (stream === "stdout" ? this.#stdout : this.#stderr).write(bytes);
  }

  /** A remark beside the result; silent with `--quiet`. */
  note(text: string): void {
    if (!this.style.quiet) this.#stderr.write(`${this.paint("33", cleanLines(text), this.#stderr)}\n`);
  }

  table(header: readonly string[], rows: readonly (readonly string[])[]): string {
    const cells = rows.map((row) => row.map((cell) => printable(cell === "" ? "-" : cell)));
    return formatTable(this.style.legend ? header : undefined, cells);
  }

  private paint(code: string, text: string, stream: Stream): string {
    return this.style.color && stream.isTerminal ? `\u001b[${code}m${text}\u001b[0m` : text;
  }
}

function cleanLines(text: string): string {
  return text.split("\n").map(printable).join("\n");
}
