// Brings a fresh Debian machine to where `npm start`, `npm test` or `npm run bench` can work. Plain Node on purpose:
// it runs before any npm package exists. Idempotent, and quick when nothing is missing.
import { ensureBuild } from "./setup/build.mjs";
import { ensureDebianDownloads, ensureDebianPackages, missingDebianPackages } from "./setup/debian.mjs";
import { hostProblems } from "./setup/host.mjs";
import { ensureNewerPackages } from "./setup/newer.mjs";
import { ensureNpmPackages } from "./setup/npm.mjs";
import { fail, SetupError } from "./setup/report.mjs";

const MODES = ["start", "test", "bench"];

function main(mode) {
  if (!MODES.includes(mode)) {
    throw new SetupError(2, `Cannot set up "${mode ?? ""}": unknown purpose`, [`use one of: ${MODES.join(", ")}`]);
  }
  const problems = hostProblems(mode, missingDebianPackages);
  if (problems.length > 0) throw new SetupError(7, "Cannot set up Gantry: this host lacks something", problems);
  ensureDebianPackages(mode);
  ensureDebianDownloads(mode);
  ensureNpmPackages();
  if (mode === "test") ensureNewerPackages();
  ensureBuild();
}

try {
  main(process.argv[2]);
} catch (reason) {
  process.exitCode = fail(reason);
}
