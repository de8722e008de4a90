import type { TempFile } from "../../sys/host.ts";
import { checkStream } from "../check-stream.ts";
import type { ImageSink, OutgoingDocument } from "../image-sink.ts";
import { blobName } from "../layout/create-layout-source.ts";
import { editIndex } from "../layout/open-layout-sink.ts";
import { TarFileWriter } from "./tar-file-writer.ts";

/** An archive that several images are written to, one after another; `finish` makes it appear. */
export interface OciArchive extends AsyncDisposable {
  /** The archive as the place of one image. */
  sink(ref: string | undefined): ImageSink;
  finish(): void;
}

/**
 * A new OCI archive: a layout in a tar file, in the order the parts come, without times or owners, so that the same
 * images give the same bytes. `file` stays hidden until `finish`.
 * Spec: OCI image-spec v1.1.0, image-layout.md.
 */
export function createOciArchive(file: TempFile, path: string): OciArchive {
  const tar = new TarFileWriter(file);
  tar.add("oci-layout", '{"imageLayoutVersion":"1.0.0"}');
  let index: string | undefined;
  const putDocument = async ({ descriptor, raw }: OutgoingDocument): Promise<void> => {
    const name = blobName(descriptor.digest);
    if (!tar.has(name)) tar.add(name, raw);
  };
  return {
    sink: (ref) => ({
      place: `archive ${path}`,
      parallel: 1,
      ociOnly: true,
      async putBlob(blob, options = {}) {
        const name = blobName(blob.descriptor.digest);
        if (tar.has(name)) return "present";
        await tar.addStream(name, blob.descriptor.sizeBytes, checkStream(blob, options));
        return "written";
      },
      putDocument,
      async commit({ descriptor }) {
        const before = index === undefined ? undefined : new TextEncoder().encode(index);
        index = editIndex(before, { descriptor, ref });
      },
      async [Symbol.asyncDispose]() {},
    }),
    finish() {
      tar.add("index.json", index ?? editIndexOfNothing());
      tar.end();
      file.commit("");
    },
    async [Symbol.asyncDispose]() {
      file[Symbol.dispose]();
    },
  };
}

function editIndexOfNothing(): string {
  return '{"schemaVersion":2,"manifests":[]}';
}
