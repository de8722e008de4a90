import { TrustError } from "../trust/errors.ts";
import { parseScopeName, type Scope } from "../trust/scope.ts";
import type { TrustScope } from "./engine-calls.ts";

/** The scope as trust knows it. @throws {TrustError} "trust/bad-scope" for a prefix that is no name. */
export function toScope(scope: TrustScope): Scope {
  return scope.kind === "root" ? scope : { kind: "prefix", name: parseScopeName(scope.prefix) };
}

/** The scope as callers see it. @throws {TrustError} "trust/bad-scope" for an exact name: keys have prefixes only. */
export function fromScope(scope: Scope): TrustScope {
  if (scope.kind === "root") return scope;
  if (scope.kind === "prefix") return { kind: "prefix", prefix: scope.name };
  throw new TrustError("trust/bad-scope", `Cannot show a key for exactly "${scope.name}": keys have prefixes`, {
    hint: "remove the file from the keyring and add the key again",
  });
}
