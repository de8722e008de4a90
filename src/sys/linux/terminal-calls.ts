import { callKernel, tryKernel } from "./libc.ts";

const TCGETS = 0x5401;
const TCSETS = 0x5402;
const TIOCGWINSZ = 0x5413;
/** sizeof(struct termios) as the kernel knows it, rounded up. */
const TERMIOS_BYTES = 64;

/** Whether `fd` is a terminal. */
export function isatty(fd: number): boolean {
  return tryKernel("ioctl", [fd, TCGETS, Buffer.alloc(TERMIOS_BYTES)]) >= 0;
}

/** Settings of a terminal, in the kernel's own layout; for giving back to `tcsetattr`. */
export function tcgetattr(fd: number): Uint8Array {
  const termios = Buffer.alloc(TERMIOS_BYTES);
  callKernel("ioctl", [fd, TCGETS, termios]);
  return termios;
}

/** Puts settings from `tcgetattr` into force at once. */
export function tcsetattr(fd: number, termios: Uint8Array): void {
  callKernel("ioctl", [fd, TCSETS, termios]);
}

/** Size of a terminal in characters, or undefined when `fd` is none. */
export function windowSize(fd: number): { readonly rows: number; readonly columns: number } | undefined {
  const size = Buffer.alloc(8);
  if (tryKernel("ioctl", [fd, TIOCGWINSZ, size]) < 0) return undefined;
  return { rows: size.readUInt16LE(0), columns: size.readUInt16LE(2) };
}
