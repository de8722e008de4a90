import { ImageError } from "../errors.ts";

/** Longest path in a layer, in bytes: PATH_MAX of Linux. */
export const MAX_PATH_BYTES = 4096;
const MAX_NAME_BYTES = 255;

/**
 * Byte string: a JavaScript string with one character (0–255) per byte. Names in images are bytes, not text; this form
 * keeps them exact and still works as a Map key.
 */
export type ByteString = string;

/** The bytes of a name as a byte string. */
export function toByteString(bytes: Uint8Array): ByteString {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

/** The bytes again, for the kernel. */
export function fromByteString(text: ByteString): Uint8Array {
  return Buffer.from(text, "latin1");
}

/** For messages: valid UTF-8 as text, everything else with replacement characters; at most 200 characters. */
export function showBytes(text: ByteString): string {
  return new TextDecoder().decode(fromByteString(text)).slice(0, 200);
}

/**
 * The names a path goes through, from the root; empty for the root itself. Absolute paths count from the root, "." and
 * empty names vanish, ".." removes the name before it.
 * @throws {ImageError} "image/bad-layer" when it leads out of the root, has a NUL, or is too long.
 */
export function splitEntryPath(path: ByteString): ByteString[] {
  if (path.length > MAX_PATH_BYTES) throw badPath(path, `longer than ${MAX_PATH_BYTES} bytes`);
  if (path.includes("\0")) throw badPath(path, "contains a NUL byte");
  const names: string[] = [];
  for (const name of path.split("/")) {
    if (name === "" || name === ".") continue;
    if (name.length > MAX_NAME_BYTES) throw badPath(path, `has a name longer than ${MAX_NAME_BYTES} bytes`);
    if (name !== "..") names.push(name);
    else if (names.pop() === undefined) throw badPath(path, "leads out of the image");
  }
  return names;
}

function badPath(path: ByteString, problem: string): ImageError {
  return new ImageError("image/bad-layer", `Cannot accept path "${showBytes(path)}" in layer: ${problem}`, {
    hint: "do not use this image: its layers are malformed or hostile",
  });
}
