/**
 * A whole machine's firmware in 64 KiB: from the reset vector through protected mode into 64-bit mode with paging, where it
 * counts for a moment and then leaves through the exit device. Machine code for x86-64, written for this purpose:
 * load a descriptor table, set CR0.PE, build one 2 MiB page at 0x1000, set CR4.PAE, CR3, EFER.LME and CR0.PG, jump, count
 * 100,000 times, `out 0x10` to port 0xf4, halt. A processor that only pretends to virtualise stays behind in one of them.
 */
const CODE_HEX =
  "fa2e660f0116a0ff0f20c00c010f22c066ea18ff0f00080066b810008ed8c7050010000003200000c705002000000330" +
  "0000c70500300000830000000f20e083c8200f22e0b8001000000f22d8b9800000c00f320d000100000f300f20c00d00" +
  "0000800f22c0ea6dff0f00180048c7c1a086010048ffc975fbb010e6f4f4ebfd0000000000000000ffff0000009acf00" +
  "ffff00000092cf00ffff0000009aaf001f0080ff0f00";
/** `ljmp $0xf000,$0xff00`, where the processor starts. */
const RESET_HEX = "ea00ff00f0";

const FIRMWARE_BYTES = 64 * 1024;
const CODE_AT = 0xff00;
const RESET_AT = 0xfff0;

/** Exit code of the emulator when the guest has come through: the exit device gives 2n + 1. */
export const PROBE_EXIT_CODE = 0x10 * 2 + 1;

/** The firmware image. */
export function buildProbeGuest(): Uint8Array {
  const image = Buffer.alloc(FIRMWARE_BYTES);
  Buffer.from(CODE_HEX, "hex").copy(image, CODE_AT);
  Buffer.from(RESET_HEX, "hex").copy(image, RESET_AT);
  return image;
}
