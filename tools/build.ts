// Compiles dist/gantry. Takes the flags below from here only, so that everybody measures the same binary.
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import packageJson from "../package.json" with { type: "json" };

const ROOT = new URL("..", import.meta.url).pathname;

/** Commit that last touched what goes into the binary; empty outside a git checkout. Stable while docs change. */
function sourceCommit(): string {
  const argv = ["git", "-c", `safe.directory=${ROOT.replace(/\/$/, "")}`, "log", "-1", "--format=%h", "--abbrev=12"];
  try {
    const git = Bun.spawnSync([...argv, "--", "src", "package.json", "package-lock.json"], {
      cwd: ROOT,
      stderr: "ignore",
    });
    return git.success ? git.stdout.toString().trim() : "";
  } catch {
    return ""; // no git on this host: the version stands alone
  }
}

/** Builds `entry` into `outfile`: whole or not at all. */
async function build(entry: string, outfile: string): Promise<void> {
  await mkdir(dirname(outfile), { recursive: true });
  const temp = await mkdtemp(join(dirname(outfile), ".build-"));
  try {
    const built = join(temp, basename(outfile)); // the file's name is embedded: keep it for equal bytes
    await compile(entry, built);
    await rename(built, outfile);
  } finally {
    await rm(temp, { recursive: true, force: true });
  }
}

async function compile(entry: string, outfile: string): Promise<void> {
  const result = await Bun.build({
    entrypoints: [entry],
    root: ROOT,
    target: "bun",
    format: "esm",
    splitting: true,
    bytecode: true,
    // Names stay: errors print their class, and stacks stay readable.
    minify: { whitespace: true, syntax: true, identifiers: false },
    define: {
      GANTRY_VERSION: JSON.stringify(packageJson.version),
      GANTRY_COMMIT: JSON.stringify(sourceCommit()),
      "process.env.NODE_ENV": '"production"',
    },
    compile: {
      outfile,
      jitPolicy: 1000, // until `compileAsUsual` is called
      // Nothing beside the binary or in the working directory may change what it does.
      autoloadDotenv: false,
      autoloadBunfig: false,
      autoloadTsconfig: false,
      autoloadPackageJson: false,
    },
    throw: false,
  });
  for (const log of result.logs) console.error(String(log));
  if (!result.success) throw new Error("bun build failed");
}

const [entry = `${ROOT}src/main.ts`, outfile = `${ROOT}dist/gantry`] = process.argv.slice(2);
await build(entry, outfile);
