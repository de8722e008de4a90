import type { Scope } from "./scope.ts";

/** Who signed keyless: subject and issuer of a certificate, checked against a trust root by its name. */
export interface KeylessIdentity {
  /** Exact e-mail address or URI. */
  readonly subject: string;
  /** Exact OIDC issuer. */
  readonly issuer: string;
  /** File `trustroots/<name>.json` of a layer. */
  readonly trustRoot: string;
}

/** What a rule asks for. `keyring` among `anyOf` stands for every key trusted for the name. */
export type Requirement =
  | {
      readonly kind: "anyOf" | "allOf";
      readonly keys: readonly string[];
      readonly identities?: readonly KeylessIdentity[];
    }
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
  /** Trust roots by name, as files; a higher layer's replaces a lower one's. */
  readonly trustRoots: ReadonlyMap<string, Uint8Array>;
  /** Changes whenever any policy file does. */
  readonly hash: string;
}

/** The rule where no file says anything. */
export const DEFAULT_RULE: Rule = { scope: { kind: "root" }, require: { kind: "anyOf", keys: ["keyring"] } };
