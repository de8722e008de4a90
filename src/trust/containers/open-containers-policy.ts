import { SysError } from "../../sys/errors.ts";
import type { Files } from "../../sys/host.ts";
import { TrustError } from "../errors.ts";
import type { LayerFile } from "../layers.ts";
import type { OpenedContainersPolicy } from "./opened-policy.ts";
import { MAX_POLICY_BYTES, parseContainersPolicy } from "./parse-containers-policy.ts";

/** Where the files of the containers tools are on this host. */
export interface ContainersHost {
  /** The root directory: paths are absolute beneath it. */
  readonly files: Files;
  /** `policy.json` in force, absolute. It need not exist; an empty one counts as none. */
  readonly policyPath: string;
  /** Directory of `registries.d` files, absolute. It need not exist. */
  readonly registriesDir: string;
}

const MAX_KEY_BYTES = 1024 * 1024;
/** Members of `policy.json` that name files. */
const PATH_FIELDS: ReadonlySet<string> = new Set([
  "keyPath",
  "keyPaths",
  "caPath",
  "caRootsPath",
  "caIntermediatesPath",
  "rekorPublicKeyPath",
  "rekorPublicKeyPaths",
]);

/**
 * Reads the `policy.json` in force; undefined when there is none.
 * @throws {TrustError} "trust/bad-policy" listing every problem: a broken policy lets nothing run.
 */
export function openContainersPolicy(host: ContainersHost): OpenedContainersPolicy | undefined {
  const bytes = readFile(host, host.policyPath, MAX_POLICY_BYTES);
  if (bytes === undefined || bytes.byteLength === 0) return undefined;
  const { policy, problems } = parseContainersPolicy(bytes);
  if (problems.length > 0) {
    throw new TrustError("trust/bad-policy", `Cannot use policy "${host.policyPath}": ${problems.join("; ")}`, {
      hint: "correct the file as containers-policy.json(5) says, then: gantry trust explain IMAGE",
      data: { problems },
    });
  }
  return { path: host.policyPath, policy, readKeyFile: (path) => tryRead(host, path) };
}

/** Every file that has a say, with its content, for the hash. A file that is missing counts as an empty one. */
export function listContainersFiles(host: ContainersHost): readonly LayerFile[] {
  const bytes = readFile(host, host.policyPath, MAX_POLICY_BYTES);
  const named = bytes === undefined || bytes.byteLength === 0 ? [] : namedFiles(bytes);
  const dir = host.registriesDir.slice(1);
  const registries = host.files
    .list(dir)
    .filter((name) => name.endsWith(".yaml"))
    .map((name) => `${host.registriesDir}/${name}`);
  const paths = [...named, ...registries];
  return [
    ...(bytes === undefined ? [] : [{ layer: "containers", rel: host.policyPath, bytes }]),
    ...paths.map((path) => ({ layer: "containers", rel: path, bytes: tryRead(host, path) ?? new Uint8Array() })),
  ];
}

function namedFiles(bytes: Uint8Array): readonly string[] {
  try {
    return [...new Set(collectPaths(JSON.parse(new TextDecoder().decode(bytes))))].sort();
  } catch {
    // Not JSON: the whole policy is refused by whoever opens it, its hash needs the bytes only.
    return [];
  }
}

function collectPaths(value: unknown): readonly string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]): readonly string[] => {
    if (!PATH_FIELDS.has(name)) return collectPaths(inner);
    const texts: readonly unknown[] = Array.isArray(inner) ? inner : [inner];
    return texts.filter((text) => typeof text === "string").filter((text) => text.startsWith("/"));
  });
}

function tryRead(host: ContainersHost, path: string): Uint8Array | undefined {
  try {
    return readFile(host, path, MAX_KEY_BYTES);
  } catch (reason) {
    // Unreadable, too large or no clean path: the requirement that needs it says so and is not met.
    if (reason instanceof SysError) return undefined;
    throw reason;
  }
}

function readFile({ files }: ContainersHost, path: string, limitBytes: number): Uint8Array | undefined {
  try {
    return files.readBytes(path.slice(1), limitBytes);
  } catch (reason) {
    if (reason instanceof SysError && reason.code === "sys/not-found") return undefined;
    throw reason;
  }
}
