/** A member of an initramfs archive; names are relative, parents come before what is in them. */
export interface CpioEntry {
  readonly path: string;
  readonly kind: "file" | "dir" | "symlink" | "char" | "fifo";
  readonly modeOctal: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Content of a file, target of a link. */
  readonly content?: string | Uint8Array;
  readonly devMajor?: number;
  readonly devMinor?: number;
}

const TYPE_BITS = { file: 0o100000, dir: 0o040000, symlink: 0o120000, char: 0o020000, fifo: 0o010000 } as const;
const ALIGN_BYTES = 4;

/**
 * Writes an archive the kernel unpacks into its first root file system; several of them may follow each other. The same
 * members give the same bytes. Spec: Linux, driver-api/early-userspace/buffer-format.rst, "newc".
 */
export function encodeCpio(entries: readonly CpioEntry[]): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const [index, entry] of entries.entries()) pushMember(parts, entry, index + 1);
  pushMember(parts, { path: "TRAILER!!!", kind: "file", modeOctal: 0 }, 0);
  return Buffer.concat(parts);
}

function pushMember(parts: Uint8Array[], entry: CpioEntry, inode: number): void {
  const name = Buffer.from(`${entry.path}\0`);
  const content = Buffer.from(entry.content ?? "");
  const mode = inode === 0 ? 0 : TYPE_BITS[entry.kind] | entry.modeOctal;
  const fields = [
    inode,
    mode,
    entry.uid ?? 0,
    entry.gid ?? 0,
    1,
    0,
    content.byteLength,
    0,
    0,
    entry.devMajor ?? 0,
    entry.devMinor ?? 0,
    name.byteLength,
    0,
  ];
  const header = Buffer.from(`070701${fields.map((value) => value.toString(16).padStart(8, "0")).join("")}`, "latin1");
  parts.push(header, name, padding(header.byteLength + name.byteLength), content, padding(content.byteLength));
}

function padding(length: number): Uint8Array {
  return new Uint8Array((ALIGN_BYTES - (length % ALIGN_BYTES)) % ALIGN_BYTES);
}
