import type { EnterSpec } from "../enter-spec.ts";

/** First message of a session: what to run in which app, and as whom. The guest finds the process to join by itself. */
export interface SessionSpec extends Omit<EnterSpec, "pid" | "startTicks"> {
  /** Counts up when the messages change; both sides have to agree. */
  readonly protocol: number;
  readonly size?: { readonly rows: number; readonly columns: number };
}

/** What this program speaks, on either side. */
export const SESSION_PROTOCOL = 1;

/** Why a session did not start, as the guest says it. */
export interface SessionFailure {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}
