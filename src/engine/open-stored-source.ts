import type { Digest } from "../image/digest.ts";
import { formatImageName } from "../image/image-name.ts";
import type { ImageArgument } from "../image/reference.ts";
import { StoreError } from "../store/errors.ts";
import type { ImageRef } from "../store/image-refs.ts";
import { IMAGES_DIR } from "../store/store-paths.ts";
import type { FoundSignature, ImageSource } from "../transport/image-source.ts";
import { openLayoutSource } from "../transport/layout/open-layout-source.ts";
import { readRecords } from "../trust/records.ts";
import type { EngineContext } from "./context.ts";

/** Arguments that may mean an image of the store. */
export type StoredArgument = Extract<ImageArgument, { readonly kind: "name" | "stored" }>;

/**
 * The reference a name or digest prefix means in the store. A name without tag means `latest`.
 * @throws {StoreError} "store/not-found", "store/ambiguous"
 */
export function findStored(ctx: Pick<EngineContext, "images">, argument: StoredArgument): ImageRef {
  if (argument.kind === "stored") {
    const digest = ctx.images.findImage(argument.hexPrefix);
    const ref = ctx.images.listRefs().find((one) => one.descriptor.digest === digest);
    if (ref !== undefined) return ref;
    throw notStored(argument.hexPrefix);
  }
  const { name } = argument;
  const isWhole = name.tag !== undefined || name.digest !== undefined;
  const text = formatImageName(isWhole ? name : { ...name, tag: "latest" });
  const ref = ctx.images.getRef(text);
  if (ref !== undefined) return ref;
  throw notStored(text);
}

/** An image of the store as a source; its documents are checked against their digests as those of any other. */
export function openStoredSource(ctx: Pick<EngineContext, "root">, ref: ImageRef): ImageSource {
  const source = openLayoutSource(ctx.root.sub(IMAGES_DIR));
  return {
    ...source,
    place: `the store (${ref.name})`,
    resolve: async () => ref.descriptor,
    findSignatures: async (manifest) => recordedSignatures(ctx, manifest),
  };
}

/** The signatures a stored image was verified by, so that they can go where it goes. */
function recordedSignatures(ctx: Pick<EngineContext, "root">, manifest: Digest): readonly FoundSignature[] {
  const all = readRecords(ctx.root, manifest).flatMap(({ signatures }) => signatures);
  const each = new Map(all.filter(({ over }) => over === undefined).map((one) => [one.sha256, one]));
  return [...each.values()].map(({ form, from, bytes }) => ({
    bytes: Buffer.from(bytes, "base64"),
    from,
    over: form === "openpgp-archive" ? "archive" : "manifest",
    kind: form === "openpgp-referrer" || form === "openpgp-archive" ? "openpgp" : form,
  }));
}

function notStored(name: string): StoreError {
  return new StoreError("store/not-found", `Cannot use image "${name.slice(0, 200)}": not in the store`, {
    hint: `fetch it first: gantry fetch ${name.slice(0, 200)}; or say where it is: docker://${name.slice(0, 200)}`,
  });
}
