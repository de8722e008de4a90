import type { Clock } from "../../base/clock.ts";
import type { ProbeOptions } from "../../pod/stage1-contract.ts";
import { SysError } from "../../sys/errors.ts";
import type { Files, Programs } from "../../sys/host.ts";
import { type FailedProbe, isDueAgain, nextFailure } from "../failed-probe.ts";
import { findOutOnce } from "../find-out-once.ts";
import { buildProbeGuest, PROBE_EXIT_CODE } from "./probe-guest.ts";
import type { Accelerator } from "./qemu-argv.ts";

/** How guests will run on this host, and why. */
export interface AcceleratorChoice {
  readonly accelerator: Accelerator;
  readonly reason: string;
}

/** The emulator of this machine's architecture. */
export const QEMU = "qemu-system-x86_64";

const CACHE_FILE = "accelerator.json";
const PROBE_MS = 5_000;
/** When /dev/kvm is tried again after it did not work: each try may take PROBE_MS of a run. */
const RETRY_MS = 3_600_000;

/**
 * KVM if a tiny guest gets through on it within a few seconds, else emulation. A device node alone says little: nested
 * hosts often show one that hangs. The answer is kept in `cache` while emulator and device stay the same; a failure, which
 * may have been that of a busy host, is tried again after a while.
 * @throws {SysError} "sys/program-missing" without an emulator
 */
export async function chooseAccelerator(
  tools: { readonly programs: Programs; readonly host: Files; readonly cache: Files; readonly clock: Clock },
  options: ProbeOptions = {},
): Promise<AcceleratorChoice> {
  const { host, cache, clock } = tools;
  const device = host.stat("dev/kvm");
  const program = Bun.which(QEMU)?.slice(1);
  const key = [program === undefined ? undefined : host.stat(program), device]
    .map((file) => (file === undefined ? "none" : `${file.inode} ${file.changedAtMs}`))
    .join(" ");
  const readGood = (): AcceleratorChoice | undefined => {
    const kept = readKept(cache, key);
    if (kept === undefined) return undefined;
    const isGood = kept.accelerator === "kvm" || device === undefined || options.onlyLook === true;
    return isGood || !isDueAgain(kept.failed, clock.nowMs(), RETRY_MS) ? withoutFailure(kept) : undefined;
  };
  const kept = readGood();
  if (kept !== undefined) return kept;
  if (options.onlyLook === true) {
    return {
      accelerator: "tcg",
      reason: "whether /dev/kvm works is tried by gantry stage1 list, or the first run",
    };
  }
  const find = async (): Promise<AcceleratorChoice> => {
    const before = readKept(cache, key)?.failed;
    const found = device === undefined ? noDevice() : await probeKvm(tools, options);
    const failed = found.accelerator === "kvm" ? undefined : nextFailure(before, clock.nowMs());
    cache.writeAtomic(CACHE_FILE, JSON.stringify({ key, ...found, failed }), 0o644);
    return found;
  };
  return await findOutOnce(cache, { readKept: readGood, find }, options);
}

function noDevice(): AcceleratorChoice {
  return { accelerator: "tcg", reason: "this host has no /dev/kvm: guests are emulated, several times slower" };
}

async function probeKvm(
  { programs, cache }: { readonly programs: Programs; readonly cache: Files },
  options: { readonly signal?: AbortSignal },
): Promise<AcceleratorChoice> {
  cache.writeAtomic("probe.bin", buildProbeGuest(), 0o644);
  const argv: [string, ...string[]] = [
    QEMU,
    ...["-machine", "q35", "-accel", "kvm", "-cpu", "host", "-m", "32"],
    ...["-nodefaults", "-no-user-config", "-display", "none", "-bios", cache.path("probe.bin")],
    ...["-device", "isa-debug-exit,iobase=0xf4,iosize=4"],
  ];
  const tcg = (why: string): AcceleratorChoice => ({ accelerator: "tcg", reason: `${why}: guests are emulated` });
  try {
    const { exitCode, stderr } = await programs.run({ argv, timeoutMs: PROBE_MS }, options);
    if (exitCode === PROBE_EXIT_CODE) return { accelerator: "kvm", reason: "a test guest ran on /dev/kvm" };
    const said = stderr.trim().split("\n")[0] ?? "";
    return tcg(`/dev/kvm is there, but a test guest failed on it (${said.slice(0, 200) || `exit code ${exitCode}`})`);
  } catch (reason) {
    if (!(reason instanceof SysError && reason.code === "sys/timeout")) throw reason;
    return tcg(`/dev/kvm is there, but a test guest hung on it for ${PROBE_MS / 1000} s`);
  }
}

function withoutFailure({ accelerator, reason }: AcceleratorChoice): AcceleratorChoice {
  return { accelerator, reason };
}

function readKept(cache: Files, key: string): (AcceleratorChoice & { readonly failed?: FailedProbe }) | undefined {
  if (!cache.has(CACHE_FILE)) return undefined;
  const parsed: unknown = JSON.parse(cache.readText(CACHE_FILE, 16_384));
  if (typeof parsed !== "object" || parsed === null) return undefined;
  const { key: keptKey, accelerator, reason, failed } = parsed as Record<string, unknown>;
  if (keptKey !== key || typeof reason !== "string") return undefined;
  if (accelerator !== "kvm" && accelerator !== "tcg") return undefined;
  return { accelerator, reason, ...(failed === undefined ? {} : { failed: failed as FailedProbe }) };
}
