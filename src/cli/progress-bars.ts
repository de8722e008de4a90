import type { ProgressSink } from "../engine/engine-options.ts";
import { formatBytes, printable } from "./format-values.ts";
import type { Stream } from "./host.ts";

interface Task {
  readonly label: string;
  readonly totalBytes: number | undefined;
  doneBytes: number;
}

const BAR_CHARS = 24;

/**
 * Bars that redraw themselves at the bottom of a terminal, and vanish when done. Written here because all that is
 * needed is these few lines, while libraries for it bring timers, colours and a global stdout of their own.
 * Redraws at most once per percent or MiB of a task, so it costs nothing beside the work.
 */
export class ProgressBars implements ProgressSink {
  readonly #stream: Stream;
  readonly #tasks = new Map<string, Task>();
  #linesDrawn = 0;

  constructor(stream: Stream) {
    this.#stream = stream;
  }

  begin(id: string, label: string, totalBytes?: number): void {
    this.#tasks.set(id, { label, totalBytes, doneBytes: 0 });
    this.#draw();
  }

  advance(id: string, bytes: number): void {
    const task = this.#tasks.get(id);
    if (task === undefined) return;
    const step = Math.max(1, task.totalBytes === undefined ? 1 << 20 : task.totalBytes / 100);
    const before = Math.floor(task.doneBytes / step);
    task.doneBytes += bytes;
    if (Math.floor(task.doneBytes / step) !== before) this.#draw();
  }

  end(id: string): void {
    if (this.#tasks.delete(id)) this.#draw();
  }

  /** Takes the bars away, before other text is written; the next call draws them again. */
  clear(): void {
    if (this.#linesDrawn > 0) this.#stream.write(`\u001b[${this.#linesDrawn}A\u001b[J`);
    this.#linesDrawn = 0;
  }

  #draw(): void {
    const lines = [...this.#tasks.values()].slice(0, 16).map((task) => formatTask(task, this.#stream.columns));
    const back = this.#linesDrawn > 0 ? `\u001b[${this.#linesDrawn}A\u001b[J` : "";
    this.#stream.write(back + lines.map((line) => `${line}\n`).join(""));
    this.#linesDrawn = lines.length;
  }
}

function formatTask(task: Task, columns: number): string {
  const label = printable(task.label).slice(0, 32).padEnd(32);
  if (task.totalBytes === undefined || task.totalBytes <= 0)
    return `${label} ${formatBytes(task.doneBytes)}`.slice(0, columns - 1);
  const share = Math.min(1, task.doneBytes / task.totalBytes);
  const full = Math.round(share * BAR_CHARS);
  const bar = "#".repeat(full) + ".".repeat(BAR_CHARS - full);
  return `${label} [${bar}] ${String(Math.floor(share * 100)).padStart(3)}% ${formatBytes(task.totalBytes)}`.slice(
    0,
    columns - 1,
  );
}
