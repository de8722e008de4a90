import { expect, test } from "bun:test";
import type { PodManifest } from "../../pod/manifest.ts";
import { type NspawnInput, planNspawnArgv } from "./nspawn-argv.ts";

const MANIFEST = { uuid: "0b3c1d2e-1111-4222-8333-444455556666", hostname: "web" } as PodManifest;
const INPUT: NspawnInput = {
  program: "/usr/bin/systemd-nspawn",
  rootfs: "/pods/x/rootfs",
  netns: { path: "/run/netns/x" },
  isSystemdHost: false,
  isOwnUnit: false,
  isInteractive: false,
  capabilities: [],
  maskedPaths: [],
};
const plan = (change: Partial<NspawnInput> = {}) => planNspawnArgv(MANIFEST, { ...INPUT, ...change });

test("planNspawnArgv() registers with machined only where systemd runs, in a unit of its own or the caller's", () => {
  expect(plan()).toEqual(expect.arrayContaining(["--keep-unit", "--register=no"]));
  expect(plan({ isSystemdHost: true })).toEqual(expect.arrayContaining(["--slice=machine.slice", "--register=yes"]));
  expect(plan({ isSystemdHost: true, isOwnUnit: true })).toEqual(
    expect.arrayContaining(["--keep-unit", "--register=yes"]),
  );
});

test("planNspawnArgv() joins the namespace unless the pod is on the host's network, masks, and hands capabilities on", () => {
  expect(plan()).toContain("--network-namespace-path=/run/netns/x");
  expect(plan({ netns: "host" }).filter((word) => word.startsWith("--network"))).toEqual([]);
  expect(plan({ capabilities: ["NET_ADMIN", "BPF"] })).toContain("--capability=CAP_NET_ADMIN,CAP_BPF");
  expect(plan({ isInteractive: true })).toContain("--console=interactive");
  const masks = [
    { path: "/proc/kcore", kind: "file" },
    { path: "/proc/scsi", kind: "dir" },
  ] as const;
  const argv = plan({ maskedPaths: masks });
  expect(argv).toEqual(expect.arrayContaining(["--bind-ro=/dev/null:/proc/kcore", "--tmpfs=/proc/scsi:ro,mode=0"]));
});
