import { Stage1Error } from "../errors.ts";

/** Drivers a guest needs, whatever else those need is added. The second of a pair is an older or newer name. */
export const WANTED_MODULES: readonly string[] = [
  "virtio_pci",
  "virtio_blk",
  "virtio_console",
  "virtio_net",
  "virtio_rng",
  "erofs",
  "squashfs",
  "overlay",
  "virtiofs",
  "tpm_tis",
];

/** Of these and what they need, those that are loaded only for pods that use them: each costs a start time. */
export const LATE_MODULES: readonly string[] = [
  "failover",
  "net_failover",
  "virtio_net",
  "squashfs",
  "fuse",
  "virtiofs",
];

/** Only asked for; a kernel may have them built in or not at all. */
const OPTIONAL_MODULES = new Set(["virtio_rng", "squashfs", "tpm_tis"]);

/** A kernel's modules: name → path below its module directory, and the names of those that are part of the kernel. */
export interface ModuleCatalog {
  readonly paths: ReadonlyMap<string, string>;
  readonly builtin: ReadonlySet<string>;
  /** Names of the modules a module needs, from the module file itself. */
  dependsOf(name: string): readonly string[];
}

/** `kernel/drivers/net/virtio-net.ko.xz` is the module `virtio_net`. */
export function moduleName(path: string): string {
  const file = path.slice(path.lastIndexOf("/") + 1);
  return file.replace(/\.ko(\.(xz|zst|gz))?$/, "").replaceAll("-", "_");
}

/**
 * The wanted modules and all they need, each after what it needs.
 * @throws {Stage1Error} "stage1/build-failed" when the kernel has neither a module nor built it in
 */
export function planModules(catalog: ModuleCatalog, wanted: readonly string[] = WANTED_MODULES): string[] {
  const order: string[] = [];
  const seen = new Set<string>();
  const visit = (name: string, neededBy: string | undefined): void => {
    if (seen.has(name) || catalog.builtin.has(name)) return;
    seen.add(name);
    if (!catalog.paths.has(name)) {
      if (neededBy === undefined && OPTIONAL_MODULES.has(name)) return;
      throw new Stage1Error(
        "stage1/build-failed",
        `Cannot build stage1: the kernel has no module "${name}"${neededBy === undefined ? "" : `, which "${neededBy}" needs`}`,
        { hint: "use Debian's cloud kernel: gantry stage1 build kvm --kernel-package linux-image-cloud-amd64" },
      );
    }
    for (const needed of catalog.dependsOf(name)) visit(needed, name);
    order.push(name);
  };
  for (const name of wanted) visit(name, undefined);
  return order;
}

/** What a module file says it depends on. Spec: Linux, scripts/mod/modpost.c, ".modinfo" section. */
export function parseModuleDepends(module: Uint8Array): string[] {
  const bytes = Buffer.from(module.buffer, module.byteOffset, module.byteLength);
  const at = bytes.indexOf("\0depends=");
  if (at < 0) return [];
  const from = at + "\0depends=".length;
  const end = bytes.indexOf(0, from);
  return bytes
    .toString("latin1", from, end)
    .split(",")
    .filter((name) => name !== "")
    .map((name) => name.replaceAll("-", "_"));
}
