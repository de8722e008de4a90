import { TrustError } from "./errors.ts";

/** Where a key or rule counts: one name, a name and everything under it, or everywhere. Never a pattern. */
export type Scope =
  | { readonly kind: "exact"; readonly name: string }
  | { readonly kind: "prefix"; readonly name: string }
  | { readonly kind: "root" };

/** Longest accepted name, in characters, and longest component. */
const MAX_NAME_CHARS = 1024;
const MAX_COMPONENT_CHARS = 255;

/**
 * Checks an image name or prefix: `host[:port][/component…]`, without scheme, tag, digest or wildcard.
 * Returns it unchanged, so that it can be a path beneath `prefix.d`.
 * @throws {TrustError} "trust/bad-scope"
 */
export function parseScopeName(text: string): string {
  if (text.length > MAX_NAME_CHARS) throw badScope(text, `use at most ${MAX_NAME_CHARS} characters`);
  if (text.includes("://")) throw badScope(text, "leave out the scheme: write example.com/app");
  for (const component of text.split("/")) {
    if (component === "") throw badScope(text, "remove empty components and leading or trailing slashes");
    if (component === "." || component === "..") throw badScope(text, `remove the component "${component}"`);
    if (component.length > MAX_COMPONENT_CHARS)
      throw badScope(text, `use components of at most ${MAX_COMPONENT_CHARS} characters`);
    if (!/^[A-Za-z0-9_.:[\]~-]+$/.test(component)) {
      throw badScope(
        text,
        "use letters, digits and . _ - ~ : only; a prefix covers everything under it without a wildcard",
      );
    }
  }
  return text;
}

/** Whether `scope` holds for the image `name`; prefixes end at whole components (`a/etcd` never covers `a/etcd-foo`). */
export function isCoveredBy(scope: Scope, name: string): boolean {
  if (scope.kind === "root") return true;
  if (scope.kind === "exact") return scope.name === name;
  return scope.name === name || name.startsWith(`${scope.name}/`);
}

/** Order of precision: exact before longer before shorter prefix before root. Only comparable among covering scopes. */
export function specificityOf(scope: Scope): number {
  if (scope.kind === "root") return 0;
  if (scope.kind === "exact") return Number.MAX_SAFE_INTEGER;
  return scope.name.length;
}

/** Scope as people read it: `prefix example.com/app`, `every name`. */
export function formatScope(scope: Scope): string {
  return scope.kind === "root" ? "every name" : `${scope.kind} ${scope.name}`;
}

function badScope(text: string, hint: string): TrustError {
  return new TrustError("trust/bad-scope", `Cannot use image name prefix "${text.slice(0, 200)}": malformed`, { hint });
}
