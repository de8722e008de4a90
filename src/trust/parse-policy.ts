import { formatReason } from "../base/errors.ts";
import { isFingerprint } from "./keyring.ts";
import type { Exception, KeylessIdentity, Requirement, Rule } from "./policy.ts";
import { parseScopeName, type Scope } from "./scope.ts";

/** One policy file, parsed; `problems` lists every field that is wrong, by path. Use nothing of it unless empty. */
export interface ParsedPolicyFile {
  readonly rules: readonly Rule[];
  readonly exceptions: readonly Exception[];
  readonly problems: readonly string[];
}

type Fields = Readonly<Record<string, unknown>>;
type At = { readonly path: string; readonly problems: string[] };

/** Most rules and exceptions of a file. */
const MAX_ENTRIES = 4096;

/** Strict: unknown fields are problems, because a misspelt restriction must not vanish. Pure. */
export function parsePolicyFile(text: string): ParsedPolicyFile {
  const problems: string[] = [];
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (reason) {
    return { rules: [], exceptions: [], problems: [`not JSON: ${formatReason(reason)}`] };
  }
  const top = readFields(document, { path: "$", problems }, ["gantryKind", "gantryVersion", "rules", "exceptions"]);
  if (top["gantryKind"] !== "policy") problems.push('$.gantryKind: must be "policy"');
  if (top["gantryVersion"] !== "v1") problems.push('$.gantryVersion: must be "v1"');
  const rules = readList(top["rules"], { path: "$.rules", problems }).flatMap((item, i) =>
    readRule(item, { path: `$.rules[${i}]`, problems }),
  );
  const exceptions = readList(top["exceptions"], { path: "$.exceptions", problems }).flatMap((item, i) =>
    readException(item, { path: `$.exceptions[${i}]`, problems }),
  );
  return { rules, exceptions, problems };
}

function readRule(item: unknown, at: At): readonly Rule[] {
  const fields = readFields(item, at, ["scope", "require"]);
  const scope = readScope(fields["scope"], { ...at, path: `${at.path}.scope` });
  const require = readRequirement(fields["require"], { ...at, path: `${at.path}.require` });
  return scope === undefined || require === undefined ? [] : [{ scope, require }];
}

function readRequirement(value: unknown, at: At): Requirement | undefined {
  if (value === "reject") return { kind: "reject" };
  const fields = readFields(value, at, ["anyOf", "allOf"]);
  const anyOf = fields["anyOf"];
  const allOf = fields["allOf"];
  if ((anyOf === undefined) === (allOf === undefined)) {
    at.problems.push(`${at.path}: must be "reject" or have exactly one of anyOf and allOf`);
    return undefined;
  }
  const kind = anyOf === undefined ? "allOf" : "anyOf";
  const path = `${at.path}.${kind}`;
  const items = readList(anyOf ?? allOf, { ...at, path });
  if (items.length === 0) at.problems.push(`${path}: must name at least one key`);
  const identities = items.flatMap((item, i) =>
    typeof item === "object" ? readKeyless(item, { ...at, path: `${path}[${i}]` }) : [],
  );
  const keys = items.flatMap((key, i) => {
    if (typeof key === "object") return [];
    if (typeof key === "string" && (isFingerprint(key) || (kind === "anyOf" && key === "keyring"))) return [key];
    at.problems.push(
      `${path}[${i}]: must be a whole fingerprint in lower case, an identity${kind === "anyOf" ? ' or "keyring"' : ""}`,
    );
    return [];
  });
  return { kind, keys, ...(identities.length === 0 ? {} : { identities }) };
}

function readKeyless(item: unknown, at: At): readonly KeylessIdentity[] {
  const fields = readFields(item, at, ["subject", "issuer", "trustRoot"]);
  const { subject, issuer, trustRoot } = fields;
  const isName = typeof trustRoot === "string" && /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(trustRoot);
  if (typeof subject !== "string" || subject === "" || typeof issuer !== "string" || issuer === "" || !isName) {
    at.problems.push(
      `${at.path}: must have subject, issuer, and trustRoot (a name beneath trustroots/, without .json)`,
    );
    return [];
  }
  return [{ subject, issuer, trustRoot }];
}

function readException(item: unknown, at: At): readonly Exception[] {
  const fields = readFields(item, at, ["scope", "reason", "expires", "digest"]);
  const scope = readScope(fields["scope"], { ...at, path: `${at.path}.scope` });
  const reason = fields["reason"];
  const expires = fields["expires"];
  const digest = fields["digest"];
  const expiresAtMs = typeof expires === "string" && isTimestamp(expires) ? Date.parse(expires) : Number.NaN;
  const hasReason = typeof reason === "string" && reason.trim() !== "";
  if (!hasReason) at.problems.push(`${at.path}.reason: must say why`);
  if (Number.isNaN(expiresAtMs))
    at.problems.push(`${at.path}.expires: must be an RFC 3339 time with zone, as 2027-01-31T00:00:00Z`);
  const isDigestOk =
    digest === undefined || (typeof digest === "string" && /^sha(?:256:[0-9a-f]{64}|512:[0-9a-f]{128})$/.test(digest));
  if (!isDigestOk) at.problems.push(`${at.path}.digest: must be sha256: or sha512: with lower-case hex`);
  if (scope === undefined || !hasReason || Number.isNaN(expiresAtMs) || !isDigestOk) return [];
  return [{ scope, reason, expiresAtMs, ...(typeof digest === "string" ? { digest } : {}) }];
}

function readScope(value: unknown, at: At): Scope | undefined {
  const fields = readFields(value, at, ["kind", "name"]);
  const kind = fields["kind"];
  const name = fields["name"];
  if (kind === "root") {
    if (name !== undefined) at.problems.push(`${at.path}.name: must be absent for kind root`);
    return { kind };
  }
  if ((kind === "exact" || kind === "prefix") && typeof name === "string") {
    try {
      return { kind, name: parseScopeName(name) };
    } catch (reason) {
      at.problems.push(`${at.path}.name: ${formatReason(reason)}`);
      return undefined;
    }
  }
  at.problems.push(`${at.path}: must have kind exact, prefix (both with name) or root`);
  return undefined;
}

/** Spec: RFC 3339, section 5.6 (offset required). */
function isTimestamp(text: string): boolean {
  return /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)$/.test(text);
}

function readFields(value: unknown, at: At, known: readonly string[]): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    at.problems.push(`${at.path}: must be an object`);
    return {};
  }
  const fields: Fields = { ...value };
  for (const name of Object.keys(fields)) {
    if (!known.includes(name)) at.problems.push(`${at.path}.${name}: unknown field`);
  }
  return fields;
}

function readList(value: unknown, at: At): readonly unknown[] {
  if (value === undefined) return [];
  if (Array.isArray(value) && value.length <= MAX_ENTRIES) return value;
  at.problems.push(`${at.path}: must be a list of at most ${MAX_ENTRIES}`);
  return [];
}
