import { encodeTar } from "../image/layer/encode-tar.ts";
import { makeTempDirectory } from "../testing/registry/temp-directory.ts";
import { type GeneratedKey, generateKey } from "../trust/openpgp/generate-key.ts";
import type { EngineContext } from "./context.ts";
import { createContext } from "./create-engine.ts";
import type { InsecureOption } from "./use-cases.ts";

/** A real engine on directories of a test's own; nothing of the host's state is used. */
export interface TestWorld extends Disposable {
  readonly ctx: EngineContext;
  /** Scratch directory. */
  readonly dir: string;
  /** What was said to the person at the terminal. */
  readonly notes: string[];
  /** The same world with other options and environment. */
  with(change: {
    readonly insecure?: readonly InsecureOption[];
    readonly env?: EngineContext["env"];
    readonly caFiles?: readonly string[];
  }): EngineContext;
}

/** Makes the world: `root`, `run` and the configuration layers `vendor` and `admin` in a temporary directory. */
export function openTestWorld(insecure: readonly InsecureOption[] = ["http"]): TestWorld {
  const temp = makeTempDirectory();
  const notes: string[] = [];
  const dir = temp.path;
  const make: TestWorld["with"] = (change) => ({
    ...createContext({
      rootDir: `${dir}/root`,
      runDir: `${dir}/run`,
      configDirs: [`${dir}/vendor`, `${dir}/admin`],
      insecureOptions: new Set(change.insecure ?? insecure),
      caFiles: change.caFiles ?? [],
      debug: false,
      progress: undefined,
      note: (text) => void notes.push(text),
    }),
    env: { PATH: process.env["PATH"], ...change.env },
  });
  return { ctx: make({}), dir, notes, with: make, [Symbol.dispose]: () => temp[Symbol.dispose]() };
}

/** A layer with one file. */
export function smallLayer(text: string): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  return encodeTar([{ path: "hello", kind: "file", modeOctal: 0o644, uid: 0, gid: 0, content: bytes }]);
}

/** A key of a publisher who began a day ago. */
export function aPublisher(): Promise<GeneratedKey> {
  return generateKey({ name: "publisher", email: "p@example.com", atMs: Date.now() - 86_400_000 });
}
