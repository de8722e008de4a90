import type { Stage1Host } from "../../pod/stage1-contract.ts";
import type { Files } from "../../sys/host.ts";
import { openFiles } from "../../sys/linux/files.ts";
import { Stage1Error } from "../errors.ts";
import { findKernel, type KernelChoice } from "./find-kernel.ts";
import { type GuestModule, readModules } from "./read-modules.ts";

/** A kernel with the drivers its guests load, in their order. */
export interface GuestKernel {
  readonly version: string;
  readonly image: Uint8Array;
  readonly modules: readonly GuestModule[];
}

const DIR = "kernel";
const MAX_KERNEL_BYTES = 256 * 1024 * 1024;

/**
 * The kernel the user chose, or the one chosen before: it is kept, so that the same image can be built again without a
 * network. @throws {Stage1Error} "stage1/build-failed"
 */
export async function keepKernel(
  host: Stage1Host,
  settings: Readonly<Record<string, string>> | undefined,
  options: { readonly signal?: AbortSignal } = {},
): Promise<GuestKernel> {
  const kept = settings === undefined ? readKept(host.cache) : undefined;
  if (kept !== undefined) return kept;
  const scratch = host.cache.createTempDir();
  try {
    const tools = { host: host.host, programs: host.programs, scratchDir: host.cache.path(scratch) };
    const found = await findKernel(tools, parseChoice(settings ?? {}), options);
    const image = openFiles("/").readBytes(found.image.slice(1), MAX_KERNEL_BYTES);
    const kernel = { version: found.version, image, modules: await readModules(host.programs, found) };
    writeKept(host.cache, kernel);
    return kernel;
  } finally {
    host.cache.remove(scratch);
  }
}

/** What `stage1 build kvm` was told. @throws {Stage1Error} "stage1/build-failed" for choices that exclude each other */
export function parseChoice(settings: Readonly<Record<string, string>>): KernelChoice {
  const { kernel, "kernel-modules": modules, "kernel-deb": deb, "kernel-package": packageName } = settings;
  const ways = [kernel ?? modules, deb, packageName].filter((value) => value !== undefined);
  if (ways.length > 1 || (kernel === undefined) !== (modules === undefined)) {
    throw new Stage1Error("stage1/build-failed", "Cannot tell which kernel guests are to have", {
      hint: "give one of --kernel-package NAME, --kernel-deb FILE, or --kernel FILE with --kernel-modules DIR",
    });
  }
  return {
    ...(kernel === undefined || modules === undefined ? {} : { files: { kernel, modules } }),
    ...(deb === undefined ? {} : { deb }),
    ...(packageName === undefined ? {} : { packageName }),
  };
}

function writeKept(cache: Files, { version, image, modules }: GuestKernel): void {
  cache.remove(DIR);
  cache.writeAtomic(`${DIR}/vmlinuz`, image);
  for (const { name, content } of modules) cache.writeAtomic(`${DIR}/modules/${name}.ko`, content);
  // Last: what is named here is whole.
  const names = modules.map((module) => module.name);
  cache.writeAtomic(`${DIR}/kernel.json`, JSON.stringify({ version, modules: names }));
}

function readKept(cache: Files): GuestKernel | undefined {
  if (!cache.has(`${DIR}/kernel.json`)) return undefined;
  // Written by `writeKept` in a directory that only root enters.
  const { version, modules } = JSON.parse(cache.readText(`${DIR}/kernel.json`)) as {
    readonly version: string;
    readonly modules: readonly string[];
  };
  return {
    version,
    image: cache.readBytes(`${DIR}/vmlinuz`, MAX_KERNEL_BYTES),
    modules: modules.map((name) => ({ name, content: cache.readBytes(`${DIR}/modules/${name}.ko`, MAX_KERNEL_BYTES) })),
  };
}
