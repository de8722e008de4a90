import type { Programs } from "../../sys/host.ts";
import { openFiles } from "../../sys/linux/files.ts";
import { Stage1Error } from "../errors.ts";
import type { KernelFiles } from "./find-kernel.ts";
import { moduleName, parseModuleDepends, planModules, WANTED_MODULES } from "./kernel-modules.ts";

/** A driver as the initramfs has it. */
export interface GuestModule {
  readonly name: string;
  readonly content: Uint8Array;
}

const MAX_MODULE_BYTES = 32 * 1024 * 1024;
const MAX_LIST_BYTES = 4 * 1024 * 1024;

/**
 * The drivers of a guest, uncompressed, in the order in which they are loaded.
 * @throws {Stage1Error} "stage1/build-failed"
 */
export async function readModules(
  programs: Programs,
  kernel: KernelFiles,
  wanted: readonly string[] = WANTED_MODULES,
): Promise<GuestModule[]> {
  const dir = openFiles(kernel.modulesDir);
  const paths = new Map(modulePaths(dir, "kernel").map((path) => [moduleName(path), path] as const));
  const builtin = dir.has("modules.builtin") ? dir.readText("modules.builtin", MAX_LIST_BYTES).split("\n") : [];
  const loaded = new Map<string, Uint8Array>();
  // Every module is read at most once; only those asked for are.
  const read = async (name: string): Promise<Uint8Array | undefined> => {
    const path = paths.get(name);
    if (path === undefined || loaded.has(name)) return loaded.get(name);
    const content = await decompress(programs, dir.path(path), dir.readBytes(path, MAX_MODULE_BYTES));
    loaded.set(name, content);
    return content;
  };
  const catalog = { paths, builtin: new Set(builtin.filter((path) => path !== "").map(moduleName)) };
  const depends = new Map<string, string[]>();
  const order = await planStepwise({ ...catalog, wanted }, depends, read);
  return order.map((name) => ({ name, content: loaded.get(name) ?? new Uint8Array() }));
}

// Reading is asynchronous, planning is not: plan, read what the plan asked about, and plan again until nothing is new.
async function planStepwise(
  {
    wanted,
    ...catalog
  }: {
    readonly paths: ReadonlyMap<string, string>;
    readonly builtin: ReadonlySet<string>;
    readonly wanted: readonly string[];
  },
  depends: Map<string, string[]>,
  read: (name: string) => Promise<Uint8Array | undefined>,
): Promise<string[]> {
  for (;;) {
    const unknown = new Set<string>();
    const dependsOf = (name: string): readonly string[] => {
      const found = depends.get(name);
      if (found === undefined) unknown.add(name);
      return found ?? [];
    };
    const order = planModules({ ...catalog, dependsOf }, wanted);
    if (unknown.size === 0) return order;
    for (const name of unknown) depends.set(name, parseModuleDepends((await read(name)) ?? new Uint8Array()));
  }
}

function modulePaths(dir: ReturnType<typeof openFiles>, at: string): string[] {
  return dir.list(at).flatMap((name) => {
    const path = `${at}/${name}`;
    if (/\.ko(\.(xz|zst|gz))?$/.test(name)) return [path];
    return dir.stat(path)?.kind === "dir" ? modulePaths(dir, path) : [];
  });
}

async function decompress(programs: Programs, path: string, raw: Uint8Array): Promise<Uint8Array> {
  if (path.endsWith(".zst")) return Bun.zstdDecompressSync(raw);
  if (path.endsWith(".gz")) return Bun.gunzipSync(new Uint8Array(raw));
  if (!path.endsWith(".xz")) return raw;
  // Captured output is text: base64 keeps the bytes.
  const script = 'xz --decompress --stdout -- "$1" | base64 --wrap=0';
  const { exitCode, stdout } = await programs.run({
    argv: ["sh", "-c", script, "sh", path],
    limitBytes: 2 * MAX_MODULE_BYTES,
    timeoutMs: 60_000,
  });
  const content = Buffer.from(stdout, "base64");
  if (exitCode === 0 && content.byteLength > 0) return content;
  throw new Stage1Error("stage1/build-failed", `Cannot build stage1: "${path}" cannot be decompressed`, {
    hint: "install xz: apt-get install xz-utils",
  });
}
