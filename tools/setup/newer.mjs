import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { progress, runQuietly } from "./report.mjs";

/** Where single programs of Debian's newest suite are unpacked: never installed, never on anybody's PATH. */
export const NEWER_DIR = new URL("../../.cache/newer/", import.meta.url).pathname;

const LISTS = new URL("../debian-packages.json", import.meta.url);
const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";
const SOURCES = "/etc/apt/sources.list.d/debian.sources";

/**
 * Fetches the packages listed under `newer` from the unstable suite of the machine's own mirror and unpacks them aside.
 * Best effort: what cannot be had is not a failure, the tests that want it are skipped and say so.
 */
export function ensureNewerPackages() {
  const wanted = Object.keys(JSON.parse(readFileSync(LISTS, "utf8")).newer ?? {});
  const missing = wanted.filter((name) => !existsSync(`${NEWER_DIR}${name}/.done`));
  if (missing.length === 0 || existsSync(`${NEWER_DIR}.gave-up`)) return;
  mkdirSync(NEWER_DIR, { recursive: true });
  const uri = mirror();
  const done = uri !== undefined && fetchAll(uri, missing);
  // Asked once per checkout: a machine without network must not wait at every run.
  if (!done) writeFileSync(`${NEWER_DIR}.gave-up`, "");
}

/** The mirror's address as the machine's own apt sources have it. */
function mirror() {
  if (!existsSync(SOURCES) || !existsSync(KEYRING)) return undefined;
  return /^URIs:\s*(\S+)/m.exec(readFileSync(SOURCES, "utf8"))?.[1];
}

function fetchAll(uri, names) {
  const state = `${NEWER_DIR}.apt`;
  for (const dir of ["lists/partial", "cache/archives/partial"]) mkdirSync(`${state}/${dir}`, { recursive: true });
  writeFileSync(`${state}/sources.list`, `deb [signed-by=${KEYRING}] ${uri} sid main\n`);
  const options = [
    `Dir::Etc::sourcelist=${state}/sources.list`,
    "Dir::Etc::sourceparts=/dev/null",
    `Dir::State::lists=${state}/lists`,
    `Dir::Cache=${state}/cache`,
    "Acquire::Languages=none",
    "APT::Sandbox::User=root",
    "Acquire::Retries=1",
  ].flatMap((option) => ["-o", option]);
  progress("reading the package lists of a newer suite");
  const isRead = runQuietly(["apt-get", "-q", ...options, "update"], { timeout: 120_000 }).ok;
  const done = isRead && names.every((name) => fetchOne(name, { state, options }));
  rmSync(state, { recursive: true, force: true });
  return done;
}

function fetchOne(name, { state, options }) {
  progress(`fetching ${name} of a newer suite`);
  const debs = `${state}/${name}`;
  mkdirSync(`${debs}/partial`, { recursive: true });
  writeFileSync(`${state}/status`, ""); // as if nothing was installed: every library is fetched along
  const aside = [`Dir::State::status=${state}/status`, `Dir::Cache::archives=${debs}`, "Debug::NoLocking=true"];
  const call = ["install", "--download-only", "--no-install-recommends", "--yes", name];
  const all = [...options, ...aside.flatMap((option) => ["-o", option]), ...call];
  if (!runQuietly(["apt-get", "-q", ...all], { timeout: 120_000 }).ok) return false;
  const target = `${NEWER_DIR}${name}`;
  rmSync(target, { recursive: true, force: true });
  const files = readdirSync(debs).filter((file) => file.endsWith(".deb"));
  if (!files.every((file) => runQuietly(["dpkg-deb", "-x", `${debs}/${file}`, target]).ok)) return false;
  writeRunner(target, name);
  writeFileSync(`${target}/.done`, "");
  return true;
}

/** `run/NAME` starts the program with the libraries it was built for, which may be newer than the machine's. */
function writeRunner(target, name) {
  const dirs = ["usr/sbin", "usr/bin"].map((dir) => `${target}/${dir}`);
  const program = dirs.map((dir) => `${dir}/${name}`).find((path) => existsSync(path));
  const libs = readdirSync(`${target}/usr/lib`).find((dir) => dir.endsWith("-linux-gnu"));
  if (program === undefined || libs === undefined) return;
  const loader = readdirSync(`${target}/usr/lib/${libs}`).find((file) => /^ld-linux.*\.so/.test(file));
  if (loader === undefined) return;
  const at = `${target}/usr/lib/${libs}`;
  mkdirSync(`${target}/run`, { recursive: true });
  const script = `#!/bin/sh\nexec '${at}/${loader}' --library-path '${at}' '${program}' "$@"\n`;
  writeFileSync(`${target}/run/${name}`, script, { mode: 0o755 });
}
