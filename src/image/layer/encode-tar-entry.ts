import { encodeTarHeader } from "./encode-tar.ts";
import { fromByteString } from "./entry-path.ts";
import type { TarEntry } from "./tar-entry.ts";

/** The header blocks of a member as it was read; its content and `tarPadding` are to follow. */
export function encodeTarEntry(entry: TarEntry): Uint8Array {
  const xattrs = [...entry.xattrs].map(([name, value]) => [new TextDecoder().decode(fromByteString(name)), value]);
  return encodeTarHeader(
    {
      ...entry,
      path: fromByteString(entry.path),
      linkTarget: fromByteString(entry.linkTarget),
      xattrs: Object.fromEntries(xattrs),
    },
    entry.sizeBytes,
  );
}
