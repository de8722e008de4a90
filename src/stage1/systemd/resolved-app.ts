import type { PodApp } from "../../pod/manifest.ts";
import type { Credentials } from "../../pod/user-database.ts";

/** An app after its root file system was looked at: everything a unit needs, nothing left to look up. */
export interface ResolvedApp {
  readonly app: PodApp;
  readonly credentials: Credentials;
  /** Absolute program path inside the app, then its arguments. */
  readonly argv: readonly string[];
  readonly env: readonly string[];
  readonly stdin: "null" | "fifo" | "tty";
}
