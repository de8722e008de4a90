import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { progress, runQuietly, SetupError, tail } from "./report.mjs";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const STAMP = `${ROOT}node_modules/.gantry-stamp`;

/** Hash of everything that decides what `npm ci` installs here. */
export function lockStamp() {
  const hash = createHash("sha256").update(readFileSync(`${ROOT}package-lock.json`));
  return `${hash.digest("hex")} ${process.arch}\n`;
}

/** Installs the npm packages when the lock changed or nothing is there, and makes sure that Bun starts. */
export function ensureNpmPackages() {
  const stamp = lockStamp();
  if (existsSync(STAMP) && readFileSync(STAMP, "utf8") === stamp && existsSync(`${ROOT}node_modules/.bin/bun`)) return;
  progress("installing npm packages");
  npm(["ci", "--no-audit", "--no-fund"]);
  ensureBunStarts();
  writeFileSync(STAMP, stamp);
}

function npm(args) {
  // Started from an npm script, the environment names npm's own program; outside, PATH finds it.
  const cli = process.env.npm_execpath;
  const argv = cli?.endsWith(".js") ? [process.execPath, cli, ...args] : ["npm", ...args];
  let result = runQuietly(argv, { cwd: ROOT });
  if (!result.ok) {
    progress("npm failed, trying once more");
    result = runQuietly(argv, { cwd: ROOT });
  }
  if (!result.ok) {
    throw new SetupError(6, `Cannot install npm packages: npm ${args[0]} failed`, [
      ...result.output.trim().split("\n").slice(0, 20),
      "check the network and npm's registry setting, then repeat",
    ]);
  }
}

/** npm may skip install scripts; Bun's package then holds only a placeholder, which its own script replaces. */
function ensureBunStarts() {
  const version = [`${ROOT}node_modules/.bin/bun`, "--version"];
  if (runQuietly(version, { cwd: ROOT }).ok) return;
  progress("putting Bun's program in place");
  const install = runQuietly([process.execPath, "install.js"], { cwd: `${ROOT}node_modules/bun` });
  const check = runQuietly(version, { cwd: ROOT });
  if (!check.ok) {
    throw new SetupError(7, "Cannot start Bun: its npm package holds no program for this host", [
      ...tail(install.output, 5),
      ...tail(check.output, 5),
      "remove node_modules and repeat",
    ]);
  }
}
