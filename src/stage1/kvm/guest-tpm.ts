import type { LaunchInput } from "../../pod/stage1-contract.ts";
import type { Files } from "../../sys/host.ts";
import { AT_FDCWD, O_RDONLY } from "../../sys/linux/constants.ts";
import { close, openat2 } from "../../sys/linux/fs-calls.ts";
import { spawnDetached } from "../../sys/linux/spawn-detached.ts";
import { socketPair } from "../../sys/linux/unix-sockets.ts";
import { Stage1Error } from "../errors.ts";
import { emulatorUid, HOST_PATH, unprivileged } from "./become-supervisor.ts";
import { VM_DIR } from "./ports.ts";

const SWTPM = "swtpm";
/** Images of OVMF that take the place of the BIOS as they are, with variables inside or without any. */
const FIRMWARE = ["/usr/share/ovmf/OVMF.fd", "/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF.fd"];
const STATE_DIR = `${VM_DIR}/tpm`;
const MEASURED_FILE = `${VM_DIR}/measured.json`;

/** Asserts that the host has what a guest's TPM is made of. @throws {Stage1Error} "stage1/missing-tool" */
export function assertTpmPossible(input: LaunchInput): void {
  const missing =
    Bun.which(SWTPM, { PATH: HOST_PATH }) === null
      ? ["swtpm", "swtpm"]
      : findFirmware(input) === undefined
        ? ["OVMF, firmware that measures what it starts,", "ovmf"]
        : undefined;
  if (missing === undefined) return;
  throw new Stage1Error("stage1/missing-tool", `Cannot give the pod a TPM: ${missing[0]} is not installed`, {
    hint: `install it: apt-get install ${missing[1]}`,
  });
}

/**
 * Starts the pod's own TPM, in software, and opens the firmware. It runs as the pod's emulator does, without rights, with
 * its memory in the pod's directory, and ends when the emulator does. Descriptors belong to the caller.
 */
export function startGuestTpm(input: LaunchInput, logFd: number): { readonly fd: number; readonly firmwareFd: number } {
  const { pod, manifest } = input;
  const uid = emulatorUid(manifest.uuid);
  pod.ensureDir(STATE_DIR, 0o700);
  pod.setOwner(STATE_DIR, { uid, gid: uid, modeOctal: 0o700 });
  const [ours, theirs] = socketPair();
  const server = ["--tpm2", "--tpmstate", "dir=.", "--ctrl", "type=unixio,clientfd=3", "--terminate"];
  try {
    spawnDetached({
      argv: [...unprivileged(uid), SWTPM, "socket", ...server],
      env: { PATH: HOST_PATH },
      cwd: pod.path(STATE_DIR), // the only way there: the pod's directory is closed to this user
      stdio: ["ignore", logFd, logFd, theirs],
    });
  } finally {
    close(theirs);
  }
  return { fd: ours, firmwareFd: openat2(AT_FDCWD, findFirmware(input) ?? "", { flags: O_RDONLY }) };
}

function findFirmware(input: LaunchInput): string | undefined {
  return FIRMWARE.find((path) => input.hostPathKind(path) === "file");
}

/**
 * Writes down what PCR 9 has to be: the kernel extends it with its command line, as the firmware hands it over, and with its
 * initramfs, which holds the guest's drivers and this pod's units. Spec: Linux, drivers/firmware/efi/libstub, "TCG2 event tag".
 */
export function noteMeasured(pod: Files, started: { readonly commandLine: string; readonly initrd: Uint8Array }): void {
  const loadOptions = Buffer.from(`${started.commandLine} initrd=initrd\0`, "utf16le");
  const measured = [loadOptions, started.initrd].map(sha256);
  const pcr = measured.reduce((value, digest) => sha256(Buffer.concat([value, digest])), Buffer.alloc(32));
  pod.writePlain(MEASURED_FILE, JSON.stringify({ "sha256:9": pcr.toString("hex") }), 0o600);
}

/** PCRs by bank and number, as they are in a guest that was started with a TPM; undefined for others. */
export function readExpectedPcrs(pod: Files): Readonly<Record<string, string>> | undefined {
  if (!pod.has(MEASURED_FILE)) return undefined;
  return JSON.parse(pod.readText(MEASURED_FILE, 4096)) as Record<string, string>; // ours, in a directory only root enters
}

function sha256(bytes: Uint8Array): Buffer {
  return new Bun.CryptoHasher("sha256").update(bytes).digest();
}
