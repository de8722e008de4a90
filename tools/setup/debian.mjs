import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { progress, runQuietly, SetupError, tail } from "./report.mjs";

const LISTS = new URL("../debian-packages.json", import.meta.url);
const DOWNLOADS = new URL("../../.cache/debian/", import.meta.url).pathname;
const POLICY = "/usr/sbin/policy-rc.d";

/** Packages for a purpose as [name, reason]; `test` and `bench` include those of `start`. */
export function debianPackages(mode) {
  const lists = JSON.parse(readFileSync(LISTS, "utf8"));
  return Object.entries(mode === "start" ? lists.start : { ...lists.start, ...lists[mode] });
}

/** Names of the packages for a purpose that are not installed. */
export function missingDebianPackages(mode) {
  const wanted = debianPackages(mode).map(([name]) => name);
  const query = spawnSync("dpkg-query", ["-W", "-f", "${Package} ${db:Status-Status}\\n", ...wanted], {
    encoding: "utf8",
  });
  const installed = new Set((query.stdout ?? "").split("\n").filter((line) => line.endsWith(" installed")));
  return wanted.filter((name) => !installed.has(`${name} installed`));
}

/** Installs what is missing. Services that come along are not started. */
export function ensureDebianPackages(mode) {
  const missing = missingDebianPackages(mode);
  if (missing.length === 0) return;
  withoutServices(() => {
    progress("reading Debian's package lists");
    apt(["update"]);
    progress(`installing ${missing.join(" ")}`);
    apt(["install", "-y", "--no-install-recommends", ...missing]);
  });
  const left = missingDebianPackages(mode);
  if (left.length > 0) throw new SetupError(7, `Cannot install Debian packages: ${left.join(", ")} still missing`);
}

/** Packages that are only unpacked by tests: downloaded into `.cache/debian`, once. */
export function ensureDebianDownloads(mode) {
  if (mode === "start" || process.arch !== "x64") return;
  for (const name of Object.keys(JSON.parse(readFileSync(LISTS, "utf8")).download)) {
    if (findDownload(name) !== undefined) continue;
    progress(`downloading ${name}`);
    mkdirSync(DOWNLOADS, { recursive: true });
    if (!download(name)) {
      apt(["update"]);
      if (!download(name)) throw new SetupError(6, `Cannot download Debian package ${name}`, ["check the network"]);
    }
  }
}

/** A metapackage stands for the package it depends on. */
function download(name) {
  const shown = spawnSync("apt-cache", ["depends", "--important", name], { encoding: "utf8" }).stdout ?? "";
  const real = /^\s+Depends: (linux-image-\d\S*)$/m.exec(shown)?.[1];
  if (real === undefined) return false;
  return runQuietly(["apt-get", "-q", "download", real], { cwd: DOWNLOADS }).ok && findDownload(name) !== undefined;
}

function findDownload(name) {
  const [first, rest] = name.startsWith("linux-image-cloud") ? ["linux-image-", "cloud"] : [`${name}_`, ""];
  const files = existsSync(DOWNLOADS) ? readdirSync(DOWNLOADS) : [];
  return files.find((file) => file.startsWith(first) && file.includes(rest) && file.endsWith(".deb"));
}

/** Network and lock trouble passes: each apt call gets a second chance. */
function apt(args) {
  const argv = ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=2", ...args];
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C.UTF-8" };
  let result = runQuietly(argv, { env });
  if (!result.ok) {
    progress("apt-get failed, trying once more");
    result = runQuietly(argv, { env });
  }
  if (!result.ok) {
    throw new SetupError(6, `Cannot install Debian packages: apt-get ${args[0]} failed`, [
      ...tail(result.output),
      "check the network and /etc/apt/sources.list.d, then repeat",
    ]);
  }
}

/** Runs `work` while package scripts are told not to start daemons; leaves an administrator's own policy alone. */
function withoutServices(work) {
  const own = !existsSync(POLICY);
  if (own) writeFileSync(POLICY, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  try {
    work();
  } finally {
    if (own) rmSync(POLICY, { force: true });
  }
}
