import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { World } from "./world.ts";

/** What an image made by hand consists of. */
export interface AciParts {
  /** Merged into a manifest for this host; `undefined` removes a field. */
  readonly manifest?: Readonly<Record<string, unknown>>;
  /** Text files of the rootfs, by path; the static busybox is at /bin/busybox and /bin/sh unless `bare`. */
  readonly files?: Readonly<Record<string, string>>;
  readonly bare?: boolean;
  readonly compression?: "none" | "gzip" | "bzip2" | "xz" | "zstd";
}

const FLAGS = { none: [], gzip: ["--gzip"], bzip2: ["--bzip2"], xz: ["--xz"], zstd: ["--zstd"] } as const;

/** A manifest as a person would write it. */
export function aciManifest(name: string, changes: Readonly<Record<string, unknown>> = {}): string {
  const manifest = {
    acKind: "ImageManifest",
    acVersion: "0.8.11",
    name,
    labels: [
      { name: "version", value: "1.0.0" },
      { name: "os", value: "linux" },
      { name: "arch", value: "amd64" },
    ],
    app: { exec: ["/bin/sh", "-c", "echo hello from $AC_APP_NAME"], user: "0", group: "0" },
    ...changes,
  };
  return JSON.stringify(manifest, undefined, 4);
}

/** Makes `FILE.aci` with GNU tar, as the specification shows it, and returns its path. */
export function makeAci(world: World, name: string, parts: AciParts = {}): string {
  const stem = name.replaceAll("/", "_");
  const dir = join(world.dir, `aci-${stem}`);
  mkdirSync(join(dir, "rootfs", "bin"), { recursive: true });
  writeFileSync(join(dir, "manifest"), aciManifest(name, parts.manifest));
  if (parts.bare !== true) {
    run(["cp", "/bin/busybox", join(dir, "rootfs/bin/busybox")]);
    for (const applet of ["sh", "cat", "ls", "env", "id"])
      run(["ln", "-sf", "busybox", join(dir, "rootfs/bin", applet)]);
  }
  for (const [path, content] of Object.entries(parts.files ?? {})) {
    const target = join(dir, "rootfs", path);
    mkdirSync(join(target, ".."), { recursive: true });
    writeFileSync(target, content);
  }
  const file = join(world.dir, `${stem}.aci`);
  run([
    "tar",
    "--create",
    ...FLAGS[parts.compression ?? "gzip"],
    "--file",
    file,
    "--directory",
    dir,
    "manifest",
    "rootfs",
  ]);
  return file;
}

/** Runs a program of the host; its failure fails the story. */
export function run(argv: readonly string[], cwd?: string): string {
  const done = Bun.spawnSync([...argv], cwd === undefined ? {} : { cwd });
  if (done.exitCode === 0) return done.stdout.toString();
  throw new Error(`${argv.join(" ")} ended with ${done.exitCode}: ${done.stderr}`);
}
