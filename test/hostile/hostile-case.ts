/** Where a case may aim at: things of the host that no image may touch. */
export interface Targets {
  /** Absolute path of a directory beside the store; hostile names point into it. */
  readonly outside: string;
}

/** What has to come of a hostile file. */
export type Verdict =
  | {
      readonly kind: "refused";
      /** Exit code of `gantry fetch`, and the error code it names. */
      readonly exitCode: 2 | 3 | 4 | 6;
      readonly code: string;
    }
  | {
      readonly kind: "confined";
      /** What makes it harmless. */
      readonly why: string;
      /** Paths in the topmost unpacked layer, as the kernel stores them (latin1 stands for bytes). */
      readonly has?: readonly string[];
      readonly hasNot?: readonly string[];
      /** Then started with these arguments, it prints exactly this and ends with 0. */
      readonly run?: { readonly args: readonly string[]; readonly stdout: string };
    };

/** One hostile file of the corpus. */
export interface HostileCase {
  /** File name without ending: lower case words joined by dashes. */
  readonly name: string;
  /** Signature beside the file; such a case is fetched with trust on, all others with it off. */
  readonly signature?: (archive: Uint8Array) => Promise<Uint8Array>;
  readonly transport?: "oci-archive" | "docker-archive";
  make(targets: Targets): Uint8Array;
  readonly expect: Verdict;
}

/** Refused as malformed input, exit 2. */
export function malformed(code: string): Verdict {
  return { kind: "refused", exitCode: 2, code };
}

/** Accepted, but harmless because of `why`. */
export function confined(
  why: string,
  more: Omit<Extract<Verdict, { kind: "confined" }>, "kind" | "why"> = {},
): Verdict {
  return { kind: "confined", why, ...more };
}
