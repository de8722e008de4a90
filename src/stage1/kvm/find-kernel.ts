import type { Files, Programs } from "../../sys/host.ts";
import { openFiles } from "../../sys/linux/files.ts";
import { Stage1Error } from "../errors.ts";

/** Which kernel guests get; without anything an installed one, else the distribution's cloud kernel. */
export interface KernelChoice {
  /** Kernel image and module directory (`…/lib/modules/VERSION`) of the user's own. */
  readonly files?: { readonly kernel: string; readonly modules: string };
  /** A kernel package as a file. */
  readonly deb?: string;
  /** Name of a kernel package, or of a metapackage that depends on one, to download. */
  readonly packageName?: string;
}

/** Where a kernel's parts lie; all paths are absolute. */
export interface KernelFiles {
  readonly version: string;
  readonly image: string;
  readonly modulesDir: string;
}

/** What looking for a kernel works with. */
export interface KernelHost {
  readonly host: Files;
  readonly programs: Programs;
  /** Empty directory for what has to be downloaded and unpacked; the caller removes it. */
  readonly scratchDir: string;
}

interface FindOptions {
  readonly signal?: AbortSignal;
}

const DOWNLOAD_MS = 300_000;
const TOOL_MS = 60_000;

/**
 * Finds kernel and modules. A package is unpacked aside, never installed: its scripts do not run.
 * @throws {Stage1Error} "stage1/build-failed", "stage1/missing-tool"
 */
export async function findKernel(
  tools: KernelHost,
  choice: KernelChoice,
  options: FindOptions = {},
): Promise<KernelFiles> {
  if (choice.files !== undefined) return givenFiles(tools.host, choice.files);
  if (choice.deb !== undefined) return await unpackPackage(tools, choice.deb, options);
  const installed = choice.packageName === undefined ? findInstalled(tools.host) : undefined;
  if (installed !== undefined) return installed;
  const name = choice.packageName ?? defaultPackage();
  return await unpackPackage(tools, await download(tools, name, options), options);
}

function givenFiles(host: Files, { kernel, modules }: { readonly kernel: string; readonly modules: string }) {
  for (const path of [kernel, modules]) {
    if (path.startsWith("/") && host.statFollowing(path.slice(1)) !== undefined) continue;
    throw new Stage1Error("stage1/build-failed", `Cannot build stage1: there is no "${path}"`, {
      hint: "give the absolute paths of a kernel image and of its lib/modules/VERSION directory",
    });
  }
  const dir = modules.replace(/\/+$/, "");
  return { version: dir.slice(dir.lastIndexOf("/") + 1), image: kernel, modulesDir: dir };
}

function findInstalled(host: Files): KernelFiles | undefined {
  const versions = host
    .list("boot")
    .flatMap((name) => (name.startsWith("vmlinuz-") ? [name.slice("vmlinuz-".length)] : []))
    .filter((version) => host.statFollowing(`lib/modules/${version}/kernel`) !== undefined)
    .sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
  // A cloud kernel is the smaller and quicker one of two.
  const version = versions.findLast((one) => one.includes("cloud")) ?? versions.at(-1);
  if (version === undefined) return undefined;
  return { version, image: `/boot/vmlinuz-${version}`, modulesDir: `/lib/modules/${version}` };
}

function defaultPackage(): string {
  return `linux-image-cloud-${process.arch === "arm64" ? "arm64" : "amd64"}`;
}

/** Path of the downloaded package file. A metapackage is followed to the kernel it depends on. */
async function download(tools: KernelHost, name: string, options: FindOptions): Promise<string> {
  if (!/^[a-z0-9][a-z0-9+.-]+$/.test(name)) {
    throw new Stage1Error("stage1/build-failed", `Cannot download package "${name}": that is no package name`, {
      hint: "name a kernel package, for instance linux-image-cloud-amd64",
    });
  }
  const shown = await tool(tools, { argv: ["apt-cache", "depends", "--important", name], timeoutMs: TOOL_MS }, options);
  const real = /^\s+Depends: (linux-image-\d[a-z0-9+.-]*)$/m.exec(shown)?.[1] ?? name;
  await tool(
    tools,
    { argv: ["apt-get", "download", "-q", real], cwd: tools.scratchDir, timeoutMs: DOWNLOAD_MS },
    options,
  );
  const file = openFiles(tools.scratchDir)
    .list("")
    .find((one) => one.endsWith(".deb"));
  if (file !== undefined) return `${tools.scratchDir}/${file}`;
  throw new Stage1Error("stage1/build-failed", `Cannot build stage1: package "${real}" was not downloaded`, {
    hint: "look at: apt-get download linux-image-cloud-amd64",
  });
}

async function unpackPackage(tools: KernelHost, deb: string, options: FindOptions): Promise<KernelFiles> {
  const dir = `${tools.scratchDir}/kernel`;
  await tool(tools, { argv: ["dpkg-deb", "--extract", deb, dir], timeoutMs: DOWNLOAD_MS }, options);
  const files = openFiles(dir);
  const version = files
    .list("boot")
    .find((name) => name.startsWith("vmlinuz-"))
    ?.slice("vmlinuz-".length);
  const modules = ["lib/modules", "usr/lib/modules"].find((at) => files.has(`${at}/${version}`));
  if (version !== undefined && modules !== undefined)
    return { version, image: `${dir}/boot/vmlinuz-${version}`, modulesDir: `${dir}/${modules}/${version}` };
  throw new Stage1Error("stage1/build-failed", `Cannot build stage1: "${deb}" is no kernel package`, {
    hint: "use Debian's cloud kernel: gantry stage1 build kvm --kernel-package linux-image-cloud-amd64",
  });
}

async function tool(
  { programs }: KernelHost,
  program: {
    readonly argv: readonly [string, ...string[]];
    readonly cwd?: string;
    readonly timeoutMs: number;
  },
  options: FindOptions,
): Promise<string> {
  const { exitCode, stdout, stderr } = await programs.run(program, options);
  if (exitCode === 0) return stdout;
  throw new Stage1Error(
    "stage1/build-failed",
    `Cannot build stage1: ${program.argv.slice(0, 2).join(" ")} failed: ${stderr.trim().split("\n").at(-1) ?? ""}`,
    { hint: "check the package sources (apt-get update), or give a kernel: --kernel-deb FILE" },
  );
}
