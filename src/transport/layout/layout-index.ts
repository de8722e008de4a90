import { parseJsonStrict } from "../../base/json.ts";
import type { Descriptor } from "../../image/descriptor.ts";
import { parseIndex } from "../../image/parse-index.ts";
import { TransportError } from "../errors.ts";
import type { LayoutReader } from "./layout-reader.ts";

/** Annotation that names an entry of `index.json`. Spec: OCI image-spec v1.1.0, annotations.md. */
export const REF_NAME = "org.opencontainers.image.ref.name";
/** Largest `index.json` read. */
export const MAX_LAYOUT_INDEX_BYTES = 4 * 1024 * 1024;
const MAX_MARKER_BYTES = 4096;
const REFERRERS_NAME = /^sha(256|512)-[0-9a-f]+$/;

/**
 * Entries of `index.json`, after a check that this is a layout at all.
 * @throws {TransportError} "transport/bad-archive"; {ImageError} "image/bad-index".
 */
export function readLayoutIndex(reader: LayoutReader, place: string): readonly Descriptor[] {
  for (const name of ["oci-layout", "index.json"]) {
    if (reader.sizeOf(name) !== undefined) continue;
    throw new TransportError(
      "transport/bad-archive",
      `Cannot read ${place}: it has no "${name}", so it is not an OCI layout`,
      {
        hint: "check the path; skopeo copy … oci:DIR:NAME makes a layout",
      },
    );
  }
  assertVersion(reader, place);
  return parseIndex(reader.read("index.json", MAX_LAYOUT_INDEX_BYTES)).manifests;
}

/** Spec: OCI image-spec v1.1.0, image-layout.md "oci-layout file". */
function assertVersion(reader: LayoutReader, place: string): void {
  let version: unknown;
  try {
    const marker = parseJsonStrict(reader.read("oci-layout", MAX_MARKER_BYTES), { limitBytes: MAX_MARKER_BYTES });
    version = (marker as { readonly imageLayoutVersion?: unknown } | null)?.imageLayoutVersion;
  } catch (reason) {
    throw badLayout(`Cannot read ${place}: its "oci-layout" is unreadable`, reason);
  }
  if (version !== "1.0.0") throw badLayout(`Cannot read ${place}: its layout version is not 1.0.0`);
}

function badLayout(message: string, cause?: unknown): TransportError {
  return new TransportError("transport/bad-archive", message, {
    hint: "make the layout again with a current tool, for example skopeo copy … oci:DIR:NAME",
    cause,
  });
}

/**
 * The entry named `ref`, or the only image when none is asked for (attached artifacts do not count). A full name such as
 * `example.com/app:1` also means an only image without one: it is the name the user gives it.
 * @throws {TransportError} "transport/not-found" that lists the names there are.
 */
export function chooseEntry(
  entries: readonly Descriptor[],
  { place, ref }: { readonly place: string; readonly ref: string | undefined },
): Descriptor {
  const images = entries.filter((entry) => entry.artifactType === undefined && !REFERRERS_NAME.test(nameOf(entry)));
  const named = images.filter((entry) => nameOf(entry) === ref || entry.digest === ref);
  const isFree = ref?.includes("/") === true && images.every((entry) => !nameOf(entry).includes("/"));
  const fitting = ref === undefined || (named.length === 0 && isFree) ? images : named;
  const [first] = fitting;
  if (first !== undefined && fitting.every(({ digest }) => digest === first.digest)) return first;
  const names = [...new Set(images.map((entry) => nameOf(entry) || entry.digest))].slice(0, 20);
  const state =
    first === undefined ? (ref === undefined ? "it is empty" : `it has no "${ref}"`) : "it has several images";
  throw new TransportError("transport/not-found", `Cannot choose an image from ${place}: ${state}`, {
    hint:
      names.length === 0 ? "copy an image into it first" : `append a colon and one of these names: ${names.join(", ")}`,
    data: { names },
  });
}

function nameOf(entry: Descriptor): string {
  return entry.annotations[REF_NAME] ?? "";
}
