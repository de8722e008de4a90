import type { Files } from "../../sys/host.ts";
import type { ImageSource } from "../image-source.ts";
import { createLayoutSource } from "./create-layout-source.ts";
import type { LayoutReader } from "./layout-reader.ts";

/**
 * The image `ref` in an OCI layout directory (or the only image in it). The directory may come from anybody: names are
 * built from checked digests only, anything but regular files is not there, and every read is bounded.
 * @throws {TransportError} later, from its methods: "transport/not-found", "transport/bad-archive", "transport/bad-answer".
 * Spec: OCI image-spec v1.1.0, image-layout.md.
 */
export function openLayoutSource(directory: Files, { ref }: { readonly ref?: string } = {}): ImageSource {
  return createLayoutSource(createDirectoryReader(directory), { place: `layout ${directory.root}`, ref });
}

function createDirectoryReader(directory: Files): LayoutReader {
  return {
    sizeOf(name) {
      const stat = directory.stat(name);
      return stat?.kind === "file" ? stat.sizeBytes : undefined;
    },
    read: (name, limitBytes) => directory.readBytes(name, limitBytes),
    chunks: (name, fromByte) => directory.readChunks(name, fromByte),
  };
}
