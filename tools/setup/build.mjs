import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { lockStamp } from "./npm.mjs";
import { progress, runQuietly, SetupError, tail } from "./report.mjs";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const STAMP = `${ROOT}dist/.gantry-stamp`;

/** Builds dist/gantry when any source, the lock or the build script differs from the last build. */
export function ensureBuild() {
  const stamp = sourceStamp();
  if (existsSync(`${ROOT}dist/gantry`) && existsSync(STAMP) && readFileSync(STAMP, "utf8") === stamp) return;
  progress("building dist/gantry");
  const built = runQuietly([`${ROOT}node_modules/.bin/bun`, "tools/build.ts"], { cwd: ROOT });
  if (!built.ok) throw new SetupError(1, "Cannot build dist/gantry", tail(built.output, 40));
  writeFileSync(STAMP, stamp);
}

/** Hash over the names and contents of everything that goes into the binary. */
function sourceStamp() {
  const hash = createHash("sha256").update(lockStamp());
  const files = readdirSync(`${ROOT}src`, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith(".test.ts"))
    .map((entry) => `${entry.parentPath ?? entry.path}/${entry.name}`)
    .sort();
  for (const file of [...files, `${ROOT}tools/build.ts`, `${ROOT}package.json`])
    hash.update(file.slice(ROOT.length)).update(readFileSync(file));
  return `${hash.digest("hex")}\n`;
}
