import type { ProbeOptions, Stage1Host, Stage1Probe } from "../../pod/stage1-contract.ts";
import { openFiles } from "../../sys/linux/files.ts";
import { chooseAccelerator, QEMU } from "./choose-accelerator.ts";
import { ACCELERATOR_CACHE } from "./launch.ts";
import { findVirtiofsd } from "./share-volumes.ts";

const VERSION_MS = 5_000;

/** Whether virtual machines run here, and how: KVM is tried with a small guest. */
export async function probeKvm(
  { host, programs, clock }: Stage1Host,
  options: ProbeOptions = {},
): Promise<Stage1Probe> {
  if (process.arch !== "x64") {
    return { state: "unavailable", detail: `not for ${process.arch}`, fix: "use another regime" };
  }
  const missing = [
    [QEMU, "qemu-system-x86"],
    ["mkfs.erofs", "erofs-utils"],
    ["busybox", "busybox-static"],
    ["tc", "iproute2"],
  ].filter(([program = ""]) => Bun.which(program) === null);
  if (missing.length > 0) {
    const names = missing.map(([program]) => program).join(", ");
    return {
      state: "unavailable",
      detail: `not installed: ${names}`,
      fix: `apt install ${missing.map(([, name]) => name).join(" ")}`,
    };
  }
  const { stdout } = await programs.run({ argv: [QEMU, "--version"], timeoutMs: VERSION_MS }, options);
  const { accelerator, reason } = await chooseAccelerator(
    { host, programs, clock, cache: openFiles(ACCELERATOR_CACHE) },
    options,
  );
  const version = (stdout.split("\n")[0] ?? "").replace("QEMU emulator version ", "QEMU ");
  const detail = `${version}, ${accelerator}: ${reason}`;
  if (findVirtiofsd() === undefined) {
    return {
      state: "limited",
      detail: `${detail}; no virtiofsd, so no volumes`,
      fix: "apt install qemu-system-common",
    };
  }
  if (accelerator === "kvm") return { state: "ready", detail };
  return { state: "limited", detail, fix: "use a host that lends its processor's virtualisation, for speed" };
}
