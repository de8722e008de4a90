import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TarInput } from "../src/image/layer/encode-tar.ts";
import { busyboxImage, writeArchive } from "./harness/images.ts";
import { kernelPackage } from "./harness/kernel.ts";
import { createWorld, type World } from "./harness/world.ts";

const TIMEOUT_MS = 300_000;
const LIBRARIES = "/usr/lib/x86_64-linux-gnu";
const RUN = ["--insecure-options=image", "-q", "run", "--stage1=kvm", "--net=none"];

let world: World;

beforeAll(async () => {
  world = await createWorld();
  await world.succeed(["stage1", "build", "kvm", `--kernel-deb=${kernelPackage()}`]);
  await world.succeed([
    "--insecure-options=image",
    "-q",
    "fetch",
    `oci-archive:${writeArchive(world, "app", toolsImage())}:1`,
  ]);
}, TIMEOUT_MS);

afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
}, TIMEOUT_MS);

/** busybox, and tpm2-tools with the libraries they need. */
function toolsImage() {
  const files = new Set(["/usr/bin/tpm2", `${LIBRARIES}/libtss2-tcti-device.so.0`]);
  for (const path of [...files]) {
    const needed = Bun.spawnSync(["ldd", path]).stdout.toString();
    for (const [, library = ""] of needed.matchAll(/(\/\S+) \(0x/g)) files.add(library);
  }
  const dirs = new Set(
    [...files].flatMap((path) =>
      path
        .split("/")
        .slice(1, -1)
        .map((_, at, all) => all.slice(0, at + 1).join("/")),
    ),
  );
  const members: TarInput[] = [
    ...[...dirs].map((path): TarInput => ({ path, kind: "dir" })),
    ...[...files].map((path): TarInput => ({ path: path.slice(1), content: readFileSync(path), modeOctal: 0o755 })),
    ...["tpm2_pcrread", "tpm2_pcrextend", "tpm2_getrandom"].map(
      (name): TarInput => ({ path: `usr/bin/${name}`, kind: "symlink", linkTarget: "tpm2" }),
    ),
  ];
  return busyboxImage(members);
}

/** Programs of this machine by name, with their arguments. */
function processes(name: string): string[] {
  return readdirSync("/proc").flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return [];
    try {
      if (readFileSync(`/proc/${pid}/comm`, "utf8").trim() !== name) return [];
      return /^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, "utf8")) ? [] : [pid];
    } catch {
      return []; // it has ended meanwhile
    }
  });
}

test(
  "kvm: with --tpm the pod has a TPM of its own; what was started is in its PCRs, its log, and known beforehand",
  async () => {
    const script = [
      "export TPM2TOOLS_TCTI=device:/dev/tpmrm0",
      "tpm2_pcrread sha256:0,1,2,3,4,5,6,7,9 && tpm2_getrandom --hex 8 && echo",
      "echo log; base64 /dev/tpm0.eventlog; echo end",
      "sleep 600",
    ].join("\n");
    const argv = [...RUN, "-d", "--name=measured", "--tpm", "localhost/app:1", "--exec=sh", "--", "-c", script];
    await world.succeed(argv);
    let shown = "";
    for (let tries = 0; tries < 600 && !shown.includes("\nend\n"); tries++) {
      await Bun.sleep(100);
      shown = (await world.succeed(["logs", "measured"])).stdout;
    }
    const pcrs = new Map(
      [...shown.matchAll(/^\s+(\d+) *: 0x([0-9A-F]{64})$/gm)].map(([, at, hex]) => [at, hex?.toLowerCase()]),
    );
    const log = join(world.dir, "eventlog");
    writeFileSync(log, Buffer.from(/\nlog\n([\s\S]*)\nend\n/.exec(shown)?.[1] ?? "", "base64"));
    const read = Bun.spawnSync(["tpm2_eventlog", log]);
    expect(read.exitCode).toBe(0);
    // Replaying the log gives what the TPM holds, and it names the firmware's start of the kernel.
    const replayed = /^pcrs:[\s\S]*?\n {2}sha256:\n((?: {4}.*\n)+)/m.exec(read.stdout.toString())?.[1] ?? "";
    const lines = [...replayed.matchAll(/^\s+(\d+) *: 0x([0-9a-f]{64})$/gm)];
    expect(lines.length).toBeGreaterThan(7);
    for (const [, at, hex] of lines) expect(`${at} ${pcrs.get(at ?? "")}`).toBe(`${at} ${hex}`);
    expect(read.stdout.toString()).toContain("EV_EFI_BOOT_SERVICES_APPLICATION");
    // Command line and initramfs, with the pod's units in it, are what this host meant to start.
    const status = JSON.parse((await world.succeed(["status", "measured", "--json"])).stdout);
    expect(status.expectedPcrs).toEqual({ "sha256:9": pcrs.get("9") });

    // A pod without it has none, and a guest that is killed takes its TPM with it.
    const [server] = processes("swtpm");
    const tpmStatus = readFileSync(`/proc/${server}/status`, "utf8");
    expect(tpmStatus).not.toMatch(/^Uid:\t0\b/m);
    expect(tpmStatus).toMatch(/^CapEff:\t0+$/m);
    const extended = await world.gantry([
      "-q",
      "exec",
      "measured",
      "sh",
      "-c",
      `TPM2TOOLS_TCTI=device:/dev/tpm0 tpm2_pcrextend 16:sha256=${"ab".repeat(32)}`,
    ]);
    expect([extended.exitCode, extended.stderr]).toEqual([0, ""]);
    await world.succeed(["stop", "--force", "measured"]);
    for (let tries = 0; tries < 100 && processes("swtpm").length > 0; tries++) await Bun.sleep(100);
    expect(processes("swtpm")).toEqual([]);
    const without = await world.gantry([...RUN, "localhost/app:1", "--exec=sh", "--", "-c", "ls /dev/tpm*"]);
    expect([without.exitCode, without.stdout]).toEqual([1, ""]);
  },
  TIMEOUT_MS,
);

test(
  "kvm: --tpm is refused where a regime has none, and where software for it is missing",
  async () => {
    const elsewhere = await world.gantry(["--insecure-options=image", "run", "--tpm", "localhost/app:1"]);
    expect(elsewhere.exitCode).toBe(254);
    expect(elsewhere.stderr).toContain("hint: use one that has: --stage1=kvm");
  },
  TIMEOUT_MS,
);
