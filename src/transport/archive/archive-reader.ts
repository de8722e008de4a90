import { TransportError } from "../errors.ts";
import type { LayoutReader } from "../layout/layout-reader.ts";
import type { PrivateFile } from "./private-file.ts";
import { scanTar, type TarMember } from "./scan-tar.ts";

/** The members of a tar archive in a private file as named files. Links are followed once, inside the archive. */
export function createArchiveReader(file: PrivateFile, place: string): LayoutReader {
  const { files, links } = scanTar(file.readAt, { place, sizeBytes: file.sizeBytes });
  const find = (name: string): TarMember | undefined => files.get(name) ?? files.get(links.get(name) ?? "");
  const get = (name: string): TarMember => {
    const member = find(name);
    if (member !== undefined) return member;
    throw new TransportError(
      "transport/bad-archive",
      `Cannot read "${name.slice(0, 200)}" in ${place}: it is not there`,
      {
        hint: "make or download the archive again; it is incomplete",
      },
    );
  };
  return {
    sizeOf: (name) => find(name)?.sizeBytes,
    read(name, limitBytes) {
      const member = get(name);
      if (member.sizeBytes <= limitBytes) return file.readAt(member.offset, member.sizeBytes);
      throw new TransportError(
        "transport/bad-archive",
        `Cannot read "${name.slice(0, 200)}" in ${place}: larger than ${limitBytes} bytes`,
        {
          hint: "make the archive again with docker save, podman save or skopeo",
        },
      );
    },
    chunks(name, fromByte) {
      const member = get(name);
      return take(
        file.chunks(member.offset + Math.min(fromByte, member.sizeBytes)),
        Math.max(0, member.sizeBytes - fromByte),
      );
    },
  };
}

function* take(chunks: Iterable<Uint8Array>, count: number): Iterable<Uint8Array> {
  let left = count;
  if (left === 0) return;
  for (const chunk of chunks) {
    const part = chunk.subarray(0, left);
    left -= part.byteLength;
    yield part;
    if (left === 0) return;
  }
}
