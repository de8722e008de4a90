import type { Clock } from "../base/clock.ts";
import type { Files } from "../sys/host.ts";
import type { TrustConfig } from "./trust.ts";

/** What a recheck reads: configuration layers (lowest first), time, and the store that holds `verified/`. */
export interface RecheckHost extends TrustConfig {
  readonly clock: Clock;
  readonly store: Files;
}

/** The stored image about to start. */
export interface RecheckInput {
  /** Name without tag or digest. */
  readonly name: string;
  readonly manifestDigest: string;
  /** The docker reference it starts under: two tags of one image may be governed differently. */
  readonly docker?: string;
  readonly insecure: boolean;
  /** Raw manifest, read only when signatures have to be verified again. */
  readonly readManifest?: () => Uint8Array;
}
