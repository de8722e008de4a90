import type { TarInput } from "../image/layer/encode-tar.ts";
import type { Files, Programs } from "../sys/host.ts";
import { compileBaseFilter } from "./base-filter.ts";
import { Stage1Error } from "./errors.ts";
import {
  type PlannedEntry,
  parseLoaderList,
  planStage1Skeleton,
  STAGE1_PROGRAMS,
  STAGE1_UNITS,
  stage1LibraryPath,
} from "./plan-image.ts";

/** Where the parts come from. */
export interface CollectHost {
  /** The host's root directory. */
  readonly host: Files;
  readonly programs: Programs;
}

/** What a regime adds to the tree every regime with a systemd of its own has. */
export interface CollectExtra {
  readonly entries: readonly PlannedEntry[];
  /** Files of the host to take as they are. */
  readonly copies: readonly { readonly from: string; readonly to: string; readonly hint: string }[];
  /** Programs that come from elsewhere but need this host's libraries. */
  readonly linked: readonly string[];
}

const NOTHING: CollectExtra = { entries: [], copies: [], linked: [] };

const MAX_FILE_BYTES = 64 * 1024 * 1024;

/**
 * The stage1 tree as tar members, sorted: programs of the host's systemd, the libraries they are linked with, a few of
 * its units, and our own files. Nothing else of the host gets in, and the same files give the same members.
 * @throws {Stage1Error} "stage1/missing-tool", "stage1/build-failed"
 */
export async function collectStage1Tree(
  { host, programs }: CollectHost,
  options: { readonly signal?: AbortSignal; readonly extra?: CollectExtra } = {},
): Promise<TarInput[]> {
  const members = new Map<string, TarInput>();
  const extra = options.extra ?? NOTHING;
  for (const entry of [...planStage1Skeleton(), ...extra.entries]) {
    addDirs(members, entry.path);
    const base = { path: entry.path, uid: 0, gid: 0 };
    if (entry.kind === "dir") members.set(entry.path, { ...base, kind: "dir", modeOctal: entry.modeOctal });
    else if (entry.kind === "symlink")
      members.set(entry.path, { ...base, kind: "symlink", linkTarget: entry.target, modeOctal: 0o777 });
    else
      members.set(entry.path, {
        ...base,
        kind: "file",
        modeOctal: entry.modeOctal,
        content: new TextEncoder().encode(entry.text),
      });
  }
  const libraries = new Set<string>();
  for (const { from, to } of STAGE1_PROGRAMS) {
    addFile(members, { host, from, to, modeOctal: 0o755 });
    for (const library of await librariesOf({ programs }, from, options)) libraries.add(library);
  }
  for (const program of extra.linked)
    for (const library of await librariesOf({ programs }, program, options)) libraries.add(library);
  for (const copy of extra.copies) addFile(members, { host, modeOctal: 0o755, ...copy });
  for (const library of [...libraries].sort())
    addFile(members, { host, from: library, to: stage1LibraryPath(library), modeOctal: 0o755 });
  for (const unit of STAGE1_UNITS) {
    const from = `/usr/lib/systemd/system/${unit}`;
    addFile(members, { host, from, to: from.slice(1), modeOctal: 0o644 });
  }
  for (const [path, content] of await baseFilter({ host, programs }, options)) {
    members.set(path, { kind: "file", path, uid: 0, gid: 0, modeOctal: 0o644, content });
  }
  return [...members.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Empty where the sets of system calls are not to be had: nspawn then makes its filter itself, at every start. */
async function baseFilter(
  { host, programs }: CollectHost,
  options: { readonly signal?: AbortSignal },
): Promise<ReadonlyMap<string, Uint8Array>> {
  if (host.statFollowing("usr/bin/systemd-analyze") === undefined) return new Map();
  const argv = ["/usr/bin/systemd-analyze", "--no-pager", "syscall-filter"] as const;
  const { exitCode, stdout } = await programs.run({ argv: [...argv], timeoutMs: 30_000 }, options);
  return (exitCode === 0 ? compileBaseFilter(stdout) : undefined) ?? new Map();
}

function addFile(
  members: Map<string, TarInput>,
  file: {
    readonly host: Files;
    readonly from: string;
    readonly to: string;
    readonly modeOctal: number;
    readonly hint?: string;
  },
): void {
  const rel = file.from.slice(1);
  if (file.host.statFollowing(rel) === undefined) {
    throw new Stage1Error("stage1/missing-tool", `Cannot build stage1: this host has no ${file.from}`, {
      hint: file.hint ?? "install systemd and systemd-container: apt-get install systemd systemd-container",
    });
  }
  addDirs(members, file.to);
  const content = file.host.readBytes(rel, MAX_FILE_BYTES);
  members.set(file.to, { kind: "file", path: file.to, uid: 0, gid: 0, modeOctal: file.modeOctal, content });
}

function addDirs(members: Map<string, TarInput>, path: string): void {
  const parts = path.split("/").slice(0, -1);
  for (const [index] of parts.entries()) {
    const dir = parts.slice(0, index + 1).join("/");
    if (!members.has(dir)) members.set(dir, { kind: "dir", path: dir, uid: 0, gid: 0, modeOctal: 0o755 });
  }
}

// The loader's own --list is what ldd prints; asking it directly needs no shell script. The programs are the host's own.
async function librariesOf(
  { programs }: { readonly programs: Programs },
  program: string,
  options: { readonly signal?: AbortSignal },
): Promise<readonly string[]> {
  const loader = process.arch === "arm64" ? "/lib/ld-linux-aarch64.so.1" : "/lib64/ld-linux-x86-64.so.2";
  const { exitCode, stdout, stderr } = await programs.run(
    { argv: [loader, "--list", program], timeoutMs: 30_000 },
    options,
  );
  const { libraries, missing } = parseLoaderList(stdout);
  if (exitCode === 0 && missing.length === 0) return [...libraries, loader];
  throw new Stage1Error(
    "stage1/build-failed",
    `Cannot build stage1: ${program} lacks ${missing.join(", ") || stderr.trim()}`,
    {
      hint: "repair the host's systemd: apt-get install --reinstall systemd",
    },
  );
}
