import { DEFAULT_TAR_LIMITS } from "../image/layer/tar-reader.ts";

/** How large a layer may get. */
export interface UnpackLimits {
  /** Of the tar stream inside; stops decompression bombs whatever their ratio. */
  readonly maxUnpackedBytes: number;
  readonly maxEntries: number;
}

/** 100 GiB and 4 million files. */
export const DEFAULT_UNPACK_LIMITS: UnpackLimits = {
  maxUnpackedBytes: DEFAULT_TAR_LIMITS.maxContentBytes,
  maxEntries: DEFAULT_TAR_LIMITS.maxEntries,
};

const FREE_BYTES = 1024 ** 3;
const MAX_RATIO = 250;

/**
 * Unpacked bytes that a blob of `packedBytes` may become: what is small may be a bomb, so beyond 1 GiB a layer may not
 * grow more than 250 times. Programs and data of every kind stay far below; only long runs of zeros do not.
 */
export function unpackedByteLimit(limits: UnpackLimits, packedBytes: number): number {
  return Math.min(limits.maxUnpackedBytes, Math.max(FREE_BYTES, packedBytes * MAX_RATIO));
}
