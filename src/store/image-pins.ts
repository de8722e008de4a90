import { type Digest, parseDigest } from "../image/digest.ts";
import type { Files } from "../sys/host.ts";
import { dashed } from "./store-paths.ts";

/** One small file per pinned image. */
const PINS_DIR = "pins";

/** An image that stays until it is unpinned. */
export interface ImagePin {
  readonly digest: Digest;
  /** The name it was pinned by, for people. */
  readonly name: string;
}

/** Pinned images, by digest. What is damaged still pins: the file's name is what counts. */
export function listPins(files: Files): readonly ImagePin[] {
  return files.list(PINS_DIR).flatMap((file) => {
    if (!/^sha(256|512)-[0-9a-f]+$/.test(file)) return [];
    const digest = parseDigest(file.replace("-", ":"));
    return [{ digest, name: files.readText(`${PINS_DIR}/${file}`).trim() }];
  });
}

/** Pins an image; durable when this returns. Idempotent. */
export function addPin(files: Files, { digest, name }: ImagePin): void {
  files.writeAtomic(`${PINS_DIR}/${dashed(digest)}`, `${name}\n`, 0o644);
}

/** Whether there was a pin to take away. */
export function removePin(files: Files, digest: Digest): boolean {
  const path = `${PINS_DIR}/${dashed(digest)}`;
  const isThere = files.has(path);
  files.remove(path);
  return isThere;
}
