import { formatReason } from "../../base/errors.ts";
import { TransportError } from "../errors.ts";

/** Where signatures of a namespace are kept beside its registry. */
export interface LookasideEntry {
  /** URL for reading, and for writing unless there is a staging one. */
  readonly lookaside?: string;
  readonly staging?: string;
}

/** All files of `registries.d`, merged. Spec: containers-registries.d(5). */
export interface LookasideConfig {
  readonly fallback: LookasideEntry;
  /** Namespace in expanded form → entry. */
  readonly docker: ReadonlyMap<string, LookasideEntry>;
}

/** A file of the directory. */
export interface RegistriesDFile {
  readonly path: string;
  readonly text: string;
}

/** Keys and their old names. */
const KEYS = { lookaside: ["lookaside", "sigstore"], staging: ["lookaside-staging", "sigstore-staging"] } as const;

/**
 * Merges the files. The same namespace in two files is an error, as it is for the tools this comes from; fields that are
 * not about signatures places are passed over, as there.
 * @throws {TransportError} "transport/bad-lookaside"
 */
export function parseRegistriesD(files: readonly RegistriesDFile[]): LookasideConfig {
  let fallback: LookasideEntry | undefined;
  const docker = new Map<string, LookasideEntry>();
  for (const { path, text } of files) {
    const top = parseYaml(path, text);
    const own = top.get("default-docker");
    if (own !== undefined && own !== null) {
      if (fallback !== undefined) throw bad(path, "default-docker is defined in another file too");
      fallback = readEntry(path, "default-docker", own);
    }
    for (const [namespace, value] of asFields(path, "docker", top.get("docker") ?? {})) {
      if (docker.has(namespace)) throw bad(path, `docker namespace "${namespace}" is defined in another file too`);
      docker.set(namespace, readEntry(path, namespace, value));
    }
  }
  return { fallback: fallback ?? {}, docker };
}

function readEntry(path: string, name: string, value: unknown): LookasideEntry {
  const fields = asFields(path, name, value ?? {});
  const pick = (keys: readonly string[]): string | undefined => {
    for (const key of keys) {
      const text = fields.get(key);
      if (text === undefined || text === null || text === "") continue;
      if (typeof text !== "string") throw bad(path, `${name}.${key} is not text`);
      return text;
    }
    return undefined;
  };
  const [lookaside, staging] = [pick(KEYS.lookaside), pick(KEYS.staging)];
  return { ...(lookaside === undefined ? {} : { lookaside }), ...(staging === undefined ? {} : { staging }) };
}

function parseYaml(path: string, text: string): ReadonlyMap<string, unknown> {
  let document: unknown;
  try {
    document = Bun.YAML.parse(text);
  } catch (reason) {
    throw bad(path, formatReason(reason), reason);
  }
  return asFields(path, "the file", document ?? {});
}

function asFields(path: string, name: string, value: unknown): ReadonlyMap<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return new Map(Object.entries(value));
  throw bad(path, `${name} is not a mapping`);
}

function bad(path: string, state: string, cause?: unknown): TransportError {
  return new TransportError("transport/bad-lookaside", `Cannot use "${path}": ${state}`, {
    hint: "correct the file as containers-registries.d(5) says",
    cause,
  });
}
