import { existsSync, readFileSync } from "node:fs";
import { debianPackages } from "./debian.mjs";

/**
 * What keeps this host from being set up, as lines that say what to install or do. Empty: go on.
 * Without root, packages that are already there are no problem, but pods need root anyway.
 */
export function hostProblems(mode, missing) {
  const major = Number(process.versions.node.split(".")[0]);
  if (major < 20) return [`install Node.js 20 or later (this is ${process.versions.node})`];
  if (process.platform !== "linux") return ["run it on Linux, for example in a Debian 12 virtual machine"];
  if (process.arch !== "x64" && process.arch !== "arm64") {
    return [`run it on x86_64 or arm64 (this is ${process.arch}): Bun has no build for other processors`];
  }
  if (!isDebian()) return offDebian(mode);
  if (process.getuid() !== 0) return withoutRoot(mode, missing(mode));
  return [];
}

function isDebian() {
  const release = readOsRelease();
  const family = [release.get("ID"), ...(release.get("ID_LIKE") ?? "").split(" ")];
  return family.includes("debian") && existsSync("/usr/bin/apt-get");
}

function readOsRelease() {
  const fields = new Map();
  for (const file of ["/etc/os-release", "/usr/lib/os-release"]) {
    if (!existsSync(file)) continue;
    for (const line of readFileSync(file, "utf8").split("\n")) {
      const match = /^([A-Z_]+)="?([^"]*)"?$/.exec(line);
      if (match) fields.set(match[1], match[2]);
    }
    return fields;
  }
  return fields;
}

function offDebian(mode) {
  return [
    "this is not Debian, so nothing is installed for you; install what these Debian packages contain:",
    ...debianPackages(mode).map(([name, why]) => `  ${name.padEnd(28)} ${why}`),
    "then, as root:",
    "  npm ci && node_modules/.bin/bun tools/build.ts",
    "and start dist/gantry: `dist/gantry doctor` tells what is still missing",
  ];
}

function withoutRoot(mode, absent) {
  const install = absent.length === 0 ? [] : ["this needs Debian packages that only root can install:"];
  if (absent.length > 0)
    install.push(`  apt-get update && apt-get install -y --no-install-recommends ${absent.join(" ")}`);
  const verb = mode === "bench" ? "run bench" : mode;
  return [...install, "pods are started by root; become root and repeat:", `  sudo npm ${verb}`];
}
