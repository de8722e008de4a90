import type { Scope } from "./scope.ts";

/** What a rule asks for. `keyring` among `anyOf` stands for every key trusted for the name. */
export type Requirement =
  | { readonly kind: "anyOf"; readonly keys: readonly string[] }
  | { readonly kind: "allOf"; readonly keys: readonly string[] }
  | { readonly kind: "reject" };

/** Who may vouch for the names of a scope. Narrows the keyring, never widens it. */
export interface Rule {
  readonly scope: Scope;
  readonly require: Requirement;
}

/** Named, reasoned, expiring permission to run without a signature. */
export interface Exception {
  readonly scope: Scope;
  readonly reason: string;
  readonly expiresAtMs: number;
  /** Only this manifest, when given. */
  readonly digest?: string;
}

/** All rules and exceptions in force. Without any, every key of the keyring may vouch for its own names, and nothing else runs. */
export interface Policy {
  readonly rules: readonly Rule[];
  readonly exceptions: readonly Exception[];
  /** Changes whenever any policy file does. */
  readonly hash: string;
}

/** The rule where no file says anything. */
export const DEFAULT_RULE: Rule = { scope: { kind: "root" }, require: { kind: "anyOf", keys: ["keyring"] } };
