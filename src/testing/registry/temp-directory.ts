import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";

/** A directory of a test's own, removed with everything in it when disposed. */
export function makeTempDirectory(): Disposable & { readonly path: string } {
  const path = mkdtempSync(`${tmpdir()}/gantry-test-`);
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}
