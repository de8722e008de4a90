import type { ContainersPolicy } from "./policy.ts";

/** A `policy.json` in force. */
export interface OpenedContainersPolicy {
  /** Absolute path of the file, for messages. */
  readonly path: string;
  readonly policy: ContainersPolicy;
  /** A key file it names; undefined when that cannot be read. At most 1 MiB. */
  readKeyFile(path: string): Uint8Array | undefined;
}
