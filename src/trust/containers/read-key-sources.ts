import type { KeySource } from "./policy.ts";
import type { At } from "./strict-fields.ts";

type Fields = ReadonlyMap<string, unknown>;

/** Most keys of one requirement. */
const MAX_KEYS = 256;

/** The sources among the fields `Path`, `Paths`, `Data`, `Datas` that are given; at most one may be. */
export function readSources(fields: Fields, names: readonly string[], at: At): readonly KeySource[] | undefined {
  const given = names.filter((name) => fields.has(name));
  const [name] = given;
  if (given.length > 1) at.problems.push(`${at.path}: only one of ${names.join(", ")} may be given`);
  if (name === undefined) return undefined;
  const value = fields.get(name);
  const isList = name.endsWith("s");
  const items = isList ? value : [value];
  const here = { ...at, path: `${at.path}.${name}` };
  if (!Array.isArray(items) || items.length === 0 || items.length > MAX_KEYS) {
    at.problems.push(`${here.path}: must be a list of 1 to ${MAX_KEYS} entries`);
    return [];
  }
  return items.flatMap((item) => readSource(item, /Datas?$/.test(name), here));
}

function readSource(item: unknown, isData: boolean, at: At): readonly KeySource[] {
  if (typeof item !== "string" || item === "") {
    at.problems.push(`${at.path}: must be ${isData ? "base64" : "a path"}`);
    return [];
  }
  if (!isData) {
    if (item.startsWith("/")) return [{ kind: "path", path: item }];
    at.problems.push(`${at.path}: must be an absolute path`);
    return [];
  }
  if (/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(item))
    return [{ kind: "data", bytes: new Uint8Array(Buffer.from(item, "base64")) }];
  at.problems.push(`${at.path}: must be base64`);
  return [];
}
