import type { RegistryCredential } from "./credentials.ts";
import { TransportError } from "./errors.ts";

/** What an `auth.json` or Docker `config.json` says, by key as written (`host`, `host/path`, or an old URL form). */
export interface AuthFile {
  readonly auths: ReadonlyMap<string, RegistryCredential>;
  /** Host → name of the helper program. */
  readonly credHelpers: ReadonlyMap<string, string>;
  /** Helper for every host without one of its own. */
  readonly credsStore: string | undefined;
}

/**
 * Parses an auth file. Entries without a usable secret are left out, as tools write them beside a helper.
 * @throws {TransportError} "transport/bad-credentials" when it is not JSON; nothing of the content is in the message.
 * Spec: containers-auth.json(5).
 */
export function parseAuthFile(content: string, path: string): AuthFile {
  const document = parseObject(content, path);
  const auths = new Map<string, RegistryCredential>();
  for (const [key, value] of Object.entries(objectOf(document["auths"]))) {
    const credential = parseEntry(objectOf(value));
    if (credential !== undefined) auths.set(normaliseKey(key), credential);
  }
  const helpers = Object.entries(objectOf(document["credHelpers"])).filter((entry): entry is [string, string] =>
    isHelperName(entry[1]),
  );
  const store = document["credsStore"];
  return {
    auths,
    credHelpers: new Map(helpers.map(([key, name]) => [normaliseKey(key), name])),
    credsStore: isHelperName(store) ? store : undefined,
  };
}

function parseObject(content: string, path: string): Readonly<Record<string, unknown>> {
  try {
    return objectOf(JSON.parse(content));
  } catch {
    // no cause: a parser's message may quote the secret
    throw new TransportError("transport/bad-credentials", `Cannot read credentials "${path}": not valid JSON`, {
      hint: `repair ${path}, or log in again with podman login`,
    });
  }
}

function parseEntry(entry: Readonly<Record<string, unknown>>): RegistryCredential | undefined {
  const { identitytoken, auth, username, password } = entry as {
    identitytoken?: unknown;
    auth?: unknown;
    username?: unknown;
    password?: unknown;
  };
  if (typeof identitytoken === "string" && identitytoken !== "") return { kind: "identity", token: identitytoken };
  if (typeof auth === "string" && auth !== "") {
    const plain = Buffer.from(auth, "base64").toString("utf8");
    const colon = plain.indexOf(":");
    return colon < 1
      ? undefined
      : { kind: "basic", username: plain.slice(0, colon), password: plain.slice(colon + 1).replace(/\0+$/, "") };
  }
  if (typeof username === "string" && typeof password === "string" && username !== "")
    return { kind: "basic", username, password };
  return undefined;
}

/** Docker writes its own hub as `https://index.docker.io/v1/`. */
function normaliseKey(key: string): string {
  const bare = key.replace(/^https?:\/\//, "").replace(/\/+$/, "");
  const old = bare.replace(/\/v[12]$/, "");
  return old === "index.docker.io" || old === "registry-1.docker.io" ? "docker.io" : old;
}

/** Becomes part of a program's name, so no path may hide in it. */
function isHelperName(value: unknown): value is string {
  return typeof value === "string" && /^[A-Za-z0-9_.-]{1,64}$/.test(value);
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}
