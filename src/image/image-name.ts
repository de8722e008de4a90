import type { Digest } from "./digest.ts";
import { parseDigest } from "./digest.ts";
import { ImageError } from "./errors.ts";

/** A parsed name of an image. `host` and `path` identify it for trust; the rest selects a version. */
export interface ImageName {
  /** Lower case, with `:port` when given. */
  readonly host: string;
  /** Components joined by "/", at least one. */
  readonly path: string;
  readonly tag?: string;
  readonly digest?: Digest;
  /** appc labels such as os and arch, without version (that is the tag). */
  readonly labels: Readonly<Record<string, string>>;
}

const HOST =
  /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*|\[[0-9a-f:]+\])(?::[0-9]{1,5})?$/;
const COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const LABEL = /^[a-z0-9]+(?:[-._~/][a-z0-9]+)*$/;
const MAX_NAME = 255;
const MAX_TEXT = 1024;

/**
 * Parses `host[:port]/path[:tag][@digest][,label=value…]`. The host is never guessed: it has a dot, a port, or is
 * `localhost`. Spec: distribution v2.8 reference grammar; appc v0.8.11, discovery.md (labels).
 * @throws {ImageError} "image/bad-reference".
 */
export function parseImageName(text: string): ImageName {
  return parse(text, text);
}

/**
 * Parses a name the way Docker users write it: without a host it means `docker.io`, there without a namespace `library`.
 * @throws {ImageError} "image/bad-reference".
 */
export function parseDockerName(text: string): ImageName {
  const slash = text.indexOf("/");
  const first = slash < 0 ? "" : text.slice(0, slash);
  if (looksLikeHost(first)) {
    const bare = first === "docker.io" || first === "index.docker.io" ? text.slice(slash + 1) : undefined;
    return bare === undefined
      ? parse(text, text)
      : parse(`docker.io/${bare.includes("/") ? "" : "library/"}${bare}`, text);
  }
  return parse(`docker.io/${slash < 0 ? "library/" : ""}${text}`, text);
}

/** The name as it was typed, in normal form; parses back to the same value. */
export function formatImageName(name: ImageName): string {
  const tag = name.tag === undefined ? "" : `:${name.tag}`;
  const digest = name.digest === undefined ? "" : `@${name.digest}`;
  const labels = Object.entries(name.labels).map(([key, value]) => `,${key}=${value}`);
  return `${name.host}/${name.path}${tag}${digest}${labels.join("")}`;
}

/** `host/path`: what trust prefixes are compared with, and what discovery asks for. */
export function repositoryOf(name: ImageName): string {
  return `${name.host}/${name.path}`;
}

/** The server that speaks the distribution API for a host; only Docker's differs from its name. */
export function registryHost(host: string): string {
  return host === "docker.io" || host === "index.docker.io" ? "registry-1.docker.io" : host;
}

/** What a registry is asked for: the digest when there is one, else the tag, else `latest`. */
export function registryReference(name: ImageName): string {
  return name.digest ?? name.tag ?? "latest";
}

function parse(text: string, typed: string): ImageName {
  if (text.length > MAX_TEXT) throw badReference(typed, `longer than ${MAX_TEXT} characters`, "shorten it");
  const [main = "", ...labelTexts] = text.split(",");
  const at = main.indexOf("@");
  const digest = at < 0 ? undefined : parseNameDigest(main.slice(at + 1), typed);
  const named = at < 0 ? main : main.slice(0, at);
  const colon = named.lastIndexOf(":");
  const hasTag = colon > named.lastIndexOf("/");
  const repository = hasTag ? named.slice(0, colon) : named;
  const labels = parseLabels(labelTexts, typed);
  const version = labels["version"];
  if (hasTag && version !== undefined) throw badReference(typed, "has a tag and a version label", "give one of them");
  delete labels["version"];
  const tag = hasTag ? named.slice(colon + 1) : version;
  if (tag !== undefined && !TAG.test(tag))
    throw badReference(typed, `tag "${tag}" is not valid`, "use letters, digits, _ . - in a tag, at most 128");
  return {
    ...splitRepository(repository, typed),
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
    labels,
  };
}

function splitRepository(repository: string, typed: string): { readonly host: string; readonly path: string } {
  const [host = "", ...components] = repository.split("/");
  if (!looksLikeHost(host) || components.length === 0) {
    const example = /^[a-z0-9._/-]+$/.test(repository) && repository !== "" ? repository : "app";
    throw badReference(
      typed,
      "has no host",
      `write it as example.com/${example}, as docker://${example}, or as a path beginning with ./`,
    );
  }
  if (host !== host.toLowerCase())
    throw badReference(typed, `host "${host}" is not lower case`, `write the host as ${host.toLowerCase()}`);
  if (!HOST.test(host))
    throw badReference(typed, `host "${host}" is not valid`, "use a DNS name or address with an optional port");
  const port = Number(/:([0-9]+)$/.exec(host)?.[1] ?? "1");
  if (port < 1 || port > 65535) throw badReference(typed, `port ${port} is out of range`, "use a port from 1 to 65535");
  for (const component of components) {
    if (COMPONENT.test(component)) continue;
    throw badReference(
      typed,
      `path component "${component}" is not valid`,
      "use lower-case letters and digits, separated by . _ __ or -",
    );
  }
  if (repository.length > MAX_NAME) throw badReference(typed, `longer than ${MAX_NAME} characters`, "shorten the path");
  return { host, path: components.join("/") };
}

function looksLikeHost(text: string): boolean {
  return text === "localhost" || /[.:]/.test(text);
}

function parseNameDigest(text: string, typed: string): Digest {
  try {
    return parseDigest(text);
  } catch (reason) {
    const why = reason instanceof ImageError ? (reason.hint ?? "write it as sha256:hex") : "write it as sha256:hex";
    throw new ImageError(
      "image/bad-reference",
      `Cannot parse image name "${show(typed)}": digest "${show(text)}" is not valid`,
      { hint: why, cause: reason },
    );
  }
}

function parseLabels(texts: readonly string[], typed: string): Record<string, string> {
  const labels: Record<string, string> = Object.create(null);
  for (const text of texts) {
    const equals = text.indexOf("=");
    const key = text.slice(0, Math.max(equals, 0));
    if (!LABEL.test(key) || equals === text.length - 1)
      throw badReference(typed, `label "${text}" is not name=value`, "write labels as ,os=linux,arch=amd64");
    if (labels[key] !== undefined) throw badReference(typed, `label "${key}" is given twice`, "give each label once");
    labels[key] = text.slice(equals + 1);
  }
  return labels;
}

/** The refusal of a name, with the exact reason. */
export function badReference(typed: string, reason: string, hint: string): ImageError {
  return new ImageError("image/bad-reference", `Cannot parse image name "${show(typed)}": ${reason}`, { hint });
}

function show(text: string): string {
  return text.slice(0, 200);
}
