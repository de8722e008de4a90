import { createHasher, type Digest, splitDigest } from "../image/digest.ts";
import type { Files } from "../sys/host.ts";
import { StoreError } from "./errors.ts";
import { blobPath } from "./store-paths.ts";

/** What a blob must turn out to be. */
export interface WantedBlob {
  readonly digest: Digest;
  readonly sizeBytes: number;
}

/**
 * Stores `content` under its digest. Idempotent; nothing is visible under that name until every byte is verified.
 * Reads at most one chunk past `want.sizeBytes`, so an endless stream ends here.
 * @throws {StoreError} "store/content-mismatch"
 */
export async function putBlob(
  files: Files,
  want: WantedBlob,
  content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<void> {
  if (hasSoundBlob(files, want)) return;
  using temp = files.createTemp();
  const hash = createHasher(splitDigest(want.digest).algorithm);
  let gotBytes = 0;
  for await (const chunk of content) {
    gotBytes += chunk.byteLength;
    if (gotBytes > want.sizeBytes) break;
    hash.update(chunk);
    temp.write(chunk);
  }
  assertContent(want, { digest: hash.digest(), sizeBytes: gotBytes });
  temp.commit(blobPath(want.digest), 0o644);
}

/** Documents are read again whenever they are fetched; for larger blobs the size has to do. */
const MAX_CHECKED_BYTES = 1024 * 1024;

/** Whether the blob is stored and not seen to be damaged: a damaged one is to be stored anew. */
export function hasSoundBlob(files: Files, want: WantedBlob): boolean {
  const path = blobPath(want.digest);
  if (files.stat(path)?.sizeBytes !== want.sizeBytes) return false;
  if (want.sizeBytes > MAX_CHECKED_BYTES) return true;
  const hash = createHasher(splitDigest(want.digest).algorithm);
  hash.update(files.readBytes(path, MAX_CHECKED_BYTES));
  return hash.digest() === want.digest;
}

/** @throws {StoreError} "store/content-mismatch" with both sides in `data`, unless digest and size are as wanted. */
export function assertContent(want: WantedBlob, got: WantedBlob): void {
  if (got.sizeBytes === want.sizeBytes && got.digest === want.digest) return;
  const why =
    got.sizeBytes !== want.sizeBytes
      ? `${got.sizeBytes > want.sizeBytes ? "more" : "fewer"} bytes than announced`
      : "other bytes than announced";
  throw new StoreError("store/content-mismatch", `Cannot store blob ${want.digest}: source sent ${why}`, {
    hint: "retry; when it stays so, do not trust this source",
    data: { wantDigest: want.digest, gotDigest: got.digest, wantBytes: want.sizeBytes, gotBytes: got.sizeBytes },
  });
}
