/** What the first bytes of a program file say about how the kernel will start it. */
export type ExecutableFormat =
  | { readonly kind: "script"; readonly interpreter: string }
  | { readonly kind: "elf"; readonly interpreter: string | undefined; readonly machine: number }
  | { readonly kind: "unknown" };

/** Bytes of a program that `parseExecutableFormat` needs at most for the header; program headers may lie behind it. */
export const EXECUTABLE_HEAD_BYTES = 65536;

/**
 * Reads `#!` lines and ELF program headers (64-bit and 32-bit little-endian), as execve(2) would.
 * Pure and total: anything odd is "unknown". Spec: System V ABI, chapter 5 "Program Header"; Linux binfmt_script.
 */
export function parseExecutableFormat(head: Uint8Array): ExecutableFormat {
  if (head[0] === 0x23 && head[1] === 0x21) return parseScript(head);
  if (head[0] === 0x7f && head[1] === 0x45 && head[2] === 0x4c && head[3] === 0x46) return parseElf(head);
  return { kind: "unknown" };
}

function parseScript(head: Uint8Array): ExecutableFormat {
  const end = head.indexOf(0x0a);
  const line = new TextDecoder().decode(head.subarray(2, Math.min(end === -1 ? 256 : end, 256)));
  const interpreter = line.trim().split(/[ \t]/)[0] ?? "";
  return interpreter === "" ? { kind: "unknown" } : { kind: "script", interpreter };
}

const PT_INTERP = 3;

function parseElf(head: Uint8Array): ExecutableFormat {
  const is64 = head[4] === 2;
  if (head[5] !== 1 || head.length < (is64 ? 64 : 52)) return { kind: "unknown" };
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const machine = view.getUint16(18, true);
  const tableAt = is64 ? Number(view.getBigUint64(32, true)) : view.getUint32(28, true);
  const entryBytes = view.getUint16(is64 ? 54 : 42, true);
  const count = Math.min(view.getUint16(is64 ? 56 : 44, true), 128);
  for (let i = 0; i < count; i += 1) {
    const at = tableAt + i * entryBytes;
    if (at + (is64 ? 56 : 32) > head.length) break;
    if (view.getUint32(at, true) !== PT_INTERP) continue;
    const start = is64 ? Number(view.getBigUint64(at + 8, true)) : view.getUint32(at + 4, true);
    const size = is64 ? Number(view.getBigUint64(at + 32, true)) : view.getUint32(at + 16, true);
    if (size > 4096 || start + size > head.length) return { kind: "unknown" };
    const text = new TextDecoder().decode(head.subarray(start, start + size));
    return { kind: "elf", machine, interpreter: text.split("\0")[0] ?? "" };
  }
  return { kind: "elf", machine, interpreter: undefined };
}
