import { expect, test } from "bun:test";
import { Stage1Error } from "../errors.ts";
import { moduleName, parseModuleDepends, planModules } from "./kernel-modules.ts";

const DEPENDS = new Map([
  ["virtio_blk", ["virtio", "virtio_ring"]],
  ["virtio", ["virtio_ring"]],
]);
const catalog = (names: readonly string[], builtin: readonly string[] = []) => ({
  paths: new Map(names.map((name) => [name, `kernel/${name}.ko`])),
  builtin: new Set(builtin),
  dependsOf: (name: string) => DEPENDS.get(name) ?? [],
});

test("planModules() loads what is needed first, and nothing that is part of the kernel", () => {
  const all = catalog(["virtio_blk", "virtio", "virtio_ring", "overlay"], ["erofs"]);
  expect(planModules(all, ["overlay", "virtio_blk", "erofs"])).toEqual([
    "overlay",
    "virtio_ring",
    "virtio",
    "virtio_blk",
  ]);
});

test("planModules() names a driver the kernel lacks, but not one that is only nice to have", () => {
  expect(planModules(catalog(["overlay"]), ["overlay", "virtio_rng"])).toEqual(["overlay"]);
  try {
    planModules(catalog(["virtio_blk"]), ["virtio_blk"]);
    expect.unreachable();
  } catch (reason) {
    expect(reason).toBeInstanceOf(Stage1Error);
    expect((reason as Stage1Error).code).toBe("stage1/build-failed");
    expect((reason as Stage1Error).message).toContain('"virtio"');
  }
});

test("parseModuleDepends() reads the list of a module file; moduleName() its name", () => {
  const module = new TextEncoder().encode("\0\0license=GPL\0depends=virtio,virtio-ring\0name=x\0");
  expect(parseModuleDepends(module)).toEqual(["virtio", "virtio_ring"]);
  expect(parseModuleDepends(new TextEncoder().encode("\0depends=\0"))).toEqual([]);
  expect(moduleName("kernel/drivers/char/hw_random/virtio-rng.ko.xz")).toBe("virtio_rng");
});
