// A registry mirror may lack optional packages for other systems; npm then leaves them out of package-lock.json and
// refuses `npm ci`. This names them in the lock, so that it is complete whatever mirror wrote it. Run after `npm install`.
import { readFileSync, writeFileSync } from "node:fs";

const FILE = new URL("../package-lock.json", import.meta.url);
const SYSTEMS = /-(android|darwin|freebsd|linux|win32|windows)-(arm64|arm|x64|ia32)(?:-(musl|gnu))?/;

const lock = JSON.parse(readFileSync(FILE, "utf8"));
let added = 0;
for (const entry of Object.values(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const path = `node_modules/${name}`;
    const [, os, cpu, libc] = SYSTEMS.exec(name) ?? [];
    if (lock.packages[path] !== undefined || os === undefined) continue;
    lock.packages[path] = {
      version,
      cpu: [cpu],
      ...(entry.dev ? { dev: true } : {}),
      ...(os === "linux" ? { libc: [libc === "musl" ? "musl" : "glibc"] } : {}),
      optional: true,
      os: [os === "windows" ? "win32" : os],
    };
    added++;
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync(FILE, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`package-lock.json: ${added} packages for other systems named`);
