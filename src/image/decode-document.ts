import { formatReason } from "../base/errors.ts";
import { parseJsonStrict } from "../base/json.ts";
import { ImageError, type ImageErrorCode } from "./errors.ts";

/** Largest manifest, index or config accepted: 4 MiB, as registries do. */
export const MAX_DOCUMENT_BYTES = 4 * 1024 * 1024;

/**
 * JSON of a manifest, index or config, still unchecked.
 * @throws {ImageError} "image/too-large" above 4 MiB; `code` when it is not strict UTF-8 JSON.
 */
export function decodeDocument(raw: Uint8Array, code: ImageErrorCode, what: string): unknown {
  if (raw.byteLength > MAX_DOCUMENT_BYTES) {
    throw new ImageError(
      "image/too-large",
      `Cannot accept ${what}: ${raw.byteLength} bytes, the limit is ${MAX_DOCUMENT_BYTES}`,
      {
        hint: "use an image with a smaller description",
      },
    );
  }
  try {
    return parseJsonStrict(raw, { limitBytes: MAX_DOCUMENT_BYTES });
  } catch (reason) {
    throw new ImageError(code, `Cannot accept ${what}: not valid JSON (${formatReason(reason)})`, {
      hint: "check that the source serves images and not an error page",
      cause: reason,
    });
  }
}
