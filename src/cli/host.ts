import type { EngineCalls } from "../engine/engine-calls.ts";
import type { EngineOptions } from "../engine/engine-options.ts";

/** One of the two output streams. Writes are synchronous, so that nothing is lost when the process ends. */
export interface Stream {
  readonly isTerminal: boolean;
  /** Width in characters; 80 when unknown. */
  readonly columns: number;
  write(content: string | Uint8Array): void;
}

/** What the command line may ask of the process it lives in. Implemented by `main.ts`, doubled by tests. */
export interface CliHost {
  /** Arguments after the program's name. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: Stream;
  readonly stderr: Stream;
  /** `0.1.0`, and the commit when known. */
  readonly version: { readonly version: string; readonly commit: string };
  readonly signal: AbortSignal;
  /** UTF-8 text of a file named by the user. Rejects with a foreign error when it cannot be read or is larger. */
  readTextFile(path: string, limitBytes: number): Promise<string>;
  /** Everything on stdin. Rejects when it is larger. */
  readStdin(limitBytes: number): Promise<string>;
  /** Asks on the controlling terminal, whatever stdin is; undefined when there is none. */
  ask(question: string): string | undefined;
  createEngine(options: EngineOptions): Promise<EngineCalls>;
}
