import type { Descriptor } from "../image/descriptor.ts";
import { type Digest, parseDigest } from "../image/digest.ts";
import { DocumentCheck } from "../image/document-check.ts";
import { ImageError } from "../image/errors.ts";
import { parseDescriptor } from "../image/parse-descriptor.ts";
import { SysError } from "../sys/errors.ts";
import type { Files } from "../sys/host.ts";
import { StoreError } from "./errors.ts";
import { REFS_DIR, refPath } from "./store-paths.ts";

/** Which image a name means since its last fetch or import. */
export interface ImageRef {
  /** Normal form of the name, e.g. `example.com/app:1.2`. */
  readonly name: string;
  /** The image manifest, already chosen for a platform. */
  readonly descriptor: Descriptor;
  /** The index it was chosen from, when the name meant several platforms. */
  readonly indexDigest?: Digest;
  readonly importedAtMs: number;
  /** Where the image came from, for people. */
  readonly source?: string;
  /** For an App Container Image: its ID, and the archive as it was published, kept as a blob. */
  readonly aci?: { readonly id: Digest; readonly archive: Descriptor };
  /** What a list shows of it, so that listing a thousand images reads a thousand small files and no more. */
  readonly summary?: RefSummary;
}

/** Facts of an image that never change, noted when it got its name. */
export interface RefSummary {
  /** `os/arch[/variant]`, `multiple` for an index, `unknown` when a document was missing. */
  readonly platform: string;
  /** Packed: manifest, config and layers. */
  readonly sizeBytes: number;
}

/** Everything that must not be collected while the reference exists. */
export function rootsOfRef(ref: ImageRef): { readonly digest: Digest; readonly mediaType?: string }[] {
  return ref.aci === undefined ? [ref.descriptor] : [ref.descriptor, ref.aci.archive];
}

const MAX_REF_BYTES = 1024 * 1024;
const MAX_FILE_NAME = 255;

/**
 * The reference of a name, or undefined.
 * @throws {StoreError} "store/corrupt".
 */
export function readRef(files: Files, name: string): ImageRef | undefined {
  // A name too long for a file name cannot have been stored.
  if (refPath(name).length - REFS_DIR.length - 1 > MAX_FILE_NAME) return undefined;
  return readRefFile(files, refPath(name));
}

/** The reference in one file; undefined when it has gone. @throws {StoreError} "store/corrupt". */
export function readRefFile(files: Files, path: string): ImageRef | undefined {
  try {
    return decodeRef(files.readText(path, MAX_REF_BYTES), path);
  } catch (reason) {
    if (reason instanceof SysError && reason.code === "sys/not-found") return undefined;
    throw reason;
  }
}

/** Writes a reference atomically; the newest of concurrent writers wins. @throws {StoreError} "store/not-found" for a name too long to store. */
export function writeRef(files: Files, ref: ImageRef): void {
  const path = refPath(ref.name);
  if (path.length - REFS_DIR.length - 1 > MAX_FILE_NAME) {
    throw new StoreError(
      "store/not-found",
      `Cannot store name "${ref.name.slice(0, 100)}…": longer than ${MAX_FILE_NAME} characters`,
      {
        hint: "use the image by its digest",
      },
    );
  }
  files.writeAtomic(path, encodeRef(ref), 0o644);
}

/**
 * All references, sorted by name. A damaged file stops it, unless `skipDamaged`: for what must go on in spite of one.
 * @throws {StoreError} "store/corrupt".
 */
export function readAllRefs(files: Files, options: { readonly skipDamaged?: boolean } = {}): ImageRef[] {
  const refs: ImageRef[] = [];
  for (const fileName of files.list(REFS_DIR)) {
    try {
      // A reference removed since the listing is simply not there any more.
      const ref = readRefFile(files, `${REFS_DIR}/${fileName}`);
      if (ref !== undefined) refs.push(ref);
    } catch (reason) {
      if (options.skipDamaged !== true || !(reason instanceof StoreError)) throw reason;
    }
  }
  return refs.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function encodeRef(ref: ImageRef): string {
  const { descriptor, aci, ...rest } = ref;
  const published = aci === undefined ? undefined : { id: aci.id, archive: descriptorFields(aci.archive) };
  return `${JSON.stringify({ ...rest, descriptor: descriptorFields(descriptor), aci: published }, null, 1)}\n`;
}

function descriptorFields({ sizeBytes, ...fields }: Descriptor): object {
  return { ...fields, size: sizeBytes };
}

function decodeRef(text: string, path: string): ImageRef {
  try {
    const check = new DocumentCheck("image/bad-descriptor", `reference file "${path}"`);
    // Our own file, written by nobody else: the plain parser is strict enough, and fast.
    const fields = check.object(JSON.parse(text), "");
    const index = check.text(fields["indexDigest"], "indexDigest", "");
    const source = check.text(fields["source"], "source", "");
    const ref: ImageRef = {
      name: check.text(fields["name"], "name"),
      descriptor: parseDescriptor(check, fields["descriptor"], "descriptor"),
      importedAtMs: check.size(fields["importedAtMs"], "importedAtMs", Number.MAX_SAFE_INTEGER),
      ...(index === "" ? {} : { indexDigest: parseDigest(index) }),
      ...(source === "" ? {} : { source }),
      ...(fields["aci"] === undefined ? {} : { aci: decodeAci(check, fields["aci"]) }),
      ...readSummary(check, fields["summary"]),
    };
    check.finish();
    return ref;
  } catch (reason) {
    throw new StoreError(
      "store/corrupt",
      `Cannot read reference file "${path}": ${reason instanceof ImageError ? "a field is bad" : "not valid JSON"}`,
      {
        hint: "remove that file and fetch the image again",
        cause: reason,
      },
    );
  }
}

function decodeAci(check: DocumentCheck, value: unknown): NonNullable<ImageRef["aci"]> {
  const fields = check.object(value, "aci");
  return {
    id: check.digest(fields["id"], "aci.id"),
    archive: parseDescriptor(check, fields["archive"], "aci.archive"),
  };
}

function readSummary(check: DocumentCheck, value: unknown): { readonly summary?: RefSummary } {
  if (value === undefined) return {};
  const fields = check.object(value, "summary");
  const platform = check.text(fields["platform"], "summary.platform");
  return {
    summary: { platform, sizeBytes: check.size(fields["sizeBytes"], "summary.sizeBytes", Number.MAX_SAFE_INTEGER) },
  };
}
