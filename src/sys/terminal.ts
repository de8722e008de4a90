import { AT_FDCWD, O_NOCTTY, O_RDWR } from "./linux/constants.ts";
import { openat2, read, write } from "./linux/fs-calls.ts";
import { OwnedFd } from "./linux/owned-fd.ts";
import { isatty, tcgetattr, tcsetattr, windowSize } from "./linux/terminal-calls.ts";

/** Whether a person is at the other end of the descriptor. */
export function isTerminal(fd: number): boolean {
  return isatty(fd);
}

/** Width of a terminal in characters; undefined for what is none, or does not know. */
export function terminalColumns(fd: number): number | undefined {
  return windowSize(fd)?.columns || undefined;
}

const LINE_LIMIT_BYTES = 4096;

/**
 * Asks on the controlling terminal, whatever stdin and stdout are, and returns the answer without its line end.
 * @throws {SysError} when there is no terminal.
 */
export function promptLine(question: string): string {
  using tty = new OwnedFd(openat2(AT_FDCWD, "/dev/tty", { flags: O_RDWR | O_NOCTTY }));
  write(tty.fd, new TextEncoder().encode(question));
  const line = new Uint8Array(LINE_LIMIT_BYTES); // the kernel hands over one line, at most this long
  return new TextDecoder().decode(line.subarray(0, read(tty.fd, line))).replace(/\r?\n$/, "");
}

/** Passes every key through untouched until disposed (cfmakeraw). Spec: termios(3). */
export function enterRawMode(fd: number): Disposable {
  const before = tcgetattr(fd);
  const raw = Buffer.from(before);
  const clear = (offset: number, bits: number) => raw.writeUInt32LE((raw.readUInt32LE(offset) & ~bits) >>> 0, offset);
  clear(0, 0o2753); // c_iflag: IGNBRK BRKINT PARMRK ISTRIP INLCR IGNCR ICRNL IXON
  clear(4, 0o1); // c_oflag: OPOST
  clear(8, 0o460); // c_cflag: CSIZE PARENB
  raw.writeUInt32LE((raw.readUInt32LE(8) | 0o60) >>> 0, 8); // CS8
  clear(12, 0o100113); // c_lflag: ECHO ECHONL ICANON ISIG IEXTEN
  tcsetattr(fd, raw);
  return { [Symbol.dispose]: () => tcsetattr(fd, before) };
}
