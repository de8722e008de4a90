import { badReference, formatImageName, type ImageName, parseDockerName, parseImageName } from "./image-name.ts";

/** The ways to say which image is meant. Parsing is pure: whether a file exists is found out later. */
export type ImageArgument =
  | { readonly kind: "name"; readonly name: ImageName }
  | { readonly kind: "docker"; readonly name: ImageName }
  | { readonly kind: "oci-layout"; readonly path: string; readonly ref?: string }
  | { readonly kind: "oci-archive"; readonly path: string; readonly ref?: string }
  | { readonly kind: "docker-archive"; readonly path: string; readonly ref?: string }
  /** An App Container Image; `ref` is the name it is to have. */
  | { readonly kind: "aci"; readonly path: string; readonly ref?: string }
  | { readonly kind: "url"; readonly url: string }
  | { readonly kind: "file"; readonly path: string }
  /** A stored image by the beginning of its digest's hex, at least 8 characters; of an appc image ID after `sha512-`. */
  | { readonly kind: "stored"; readonly hexPrefix: string };

const LOCAL_KINDS = [
  ["oci:", "oci-layout"],
  ["oci-archive:", "oci-archive"],
  ["docker-archive:", "docker-archive"],
  ["aci:", "aci"],
] as const;

/**
 * Parses what a user types where an image is wanted. The form decides, never the disk: paths begin with `/`, `./`, `../`.
 * @throws {ImageError} "image/bad-reference" with the exact reason.
 */
export function parseImageArgument(text: string): ImageArgument {
  if (text === "") throw badReference(text, "empty", "name an image, for example example.com/app:1.2");
  if (/[\u0000-\u0020\u007f]/.test(text) && !isPathLike(text))
    throw badReference(text, "contains a space or control character", "remove it");
  for (const [prefix, kind] of LOCAL_KINDS) {
    if (text.startsWith(prefix)) return { kind, ...splitPathAndRef(text, prefix) };
  }
  if (text.startsWith("docker://")) return { kind: "docker", name: parseDockerName(text.slice("docker://".length)) };
  if (/^https?:\/\//i.test(text)) return parseUrl(text);
  if (isPathLike(text)) return parseFile(text);
  if (/^[a-z0-9+-]+:\/\//i.test(text))
    throw badReference(text, "unknown scheme", "use docker://, https://, oci:, oci-archive:, docker-archive: or aci:");
  if (/^sha512-[0-9a-f]*$/.test(text))
    return { kind: "stored", hexPrefix: `sha512-${parseHexPrefix(text, text.slice("sha512-".length))}` };
  if (/^sha(256|512):/.test(text) || /^[0-9a-f]{8,128}$/.test(text)) return parseStored(text);
  return { kind: "name", name: parseImageName(text) };
}

/** The argument in normal form; parses back to the same value. */
export function formatImageArgument(argument: ImageArgument): string {
  switch (argument.kind) {
    case "name":
      return formatImageName(argument.name);
    case "docker":
      return `docker://${formatImageName(argument.name)}`;
    case "url":
      return argument.url;
    case "file":
      return argument.path;
    case "stored":
      return argument.hexPrefix.startsWith("sha512-") ? argument.hexPrefix : `sha256:${argument.hexPrefix}`;
    default: {
      const prefix = argument.kind === "oci-layout" ? "oci" : argument.kind;
      return `${prefix}:${argument.path}${argument.ref === undefined ? "" : `:${argument.ref}`}`;
    }
  }
}

function isPathLike(text: string): boolean {
  return (
    text === "." ||
    text === ".." ||
    /^(\/|\.\/|\.\.\/)/.test(text) ||
    LOCAL_KINDS.some(([prefix]) => text.startsWith(prefix))
  );
}

/** The first colon ends the path, as with the other tools that read these forms; a reference may contain more. */
function splitPathAndRef(text: string, prefix: string): { readonly path: string; readonly ref?: string } {
  const rest = text.slice(prefix.length);
  const colon = rest.indexOf(":");
  const path = colon < 0 ? rest : rest.slice(0, colon);
  const ref = colon < 0 ? undefined : rest.slice(colon + 1);
  if (path === "" || path.includes("\0"))
    throw badReference(text, "names no path", `write it as ${prefix}PATH or ${prefix}PATH:REF`);
  if (ref === "")
    throw badReference(
      text,
      "has an empty reference after the colon",
      `leave the last colon out, or write ${prefix}${path}:REF`,
    );
  return { path, ...(ref === undefined ? {} : { ref }) };
}

function parseUrl(text: string): ImageArgument {
  const url = URL.parse(text);
  if (url === null || url.hostname === "") throw badReference(text, "not a valid URL", "write it as https://host/path");
  if (url.username !== "" || url.password !== "") {
    throw badReference(
      `${url.protocol}//${url.host}${url.pathname}`,
      "has credentials in it",
      "put credentials into the auth file instead",
    );
  }
  return { kind: "url", url: url.href };
}

function parseFile(text: string): ImageArgument {
  if (text.includes("\0")) throw badReference(text, "contains a NUL character", "remove it");
  return { kind: "file", path: text };
}

function parseStored(text: string): ImageArgument {
  return { kind: "stored", hexPrefix: parseHexPrefix(text, text.slice(text.indexOf(":") + 1)) };
}

function parseHexPrefix(text: string, hex: string): string {
  if (!/^[0-9a-f]*$/.test(hex)) throw badReference(text, "digest is not lower-case hex", "copy it from the image list");
  if (hex.length < 8) throw badReference(text, "digest prefix is too short", "give at least 8 hex characters");
  if (hex.length > 128) throw badReference(text, "digest is too long", "sha256 has 64 hex characters");
  return hex;
}
