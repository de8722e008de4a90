import { formatReason } from "../base/errors.ts";
import { archLabelOf } from "../image/aci/platform.ts";
import type { HttpClient } from "../sys/host.ts";
import { DiscoveryError } from "./errors.ts";
import { type DiscoveryTag, parseMetaTags } from "./parse-meta-tags.ts";
import { renderTemplate, type TemplateValues } from "./render-template.ts";

/**
 * The `{ext}` of what Gantry fetches by discovery, in the order tried: an OCI archive, or an App Container Image; the
 * signature is at the same place + `.asc`.
 */
export const DISCOVERED_EXTS = ["oci.tar", "aci"] as const;
const MAX_PAGE_BYTES = 1_048_576;
const MAX_COMPONENTS = 16;

/** What is asked for. */
export interface DiscoveryQuery {
  /** `host[:port]/path`, without tag. */
  readonly name: string;
  /** Tag; default `latest`. */
  readonly version?: string;
  readonly os: string;
  readonly arch: string;
  /** Further labels usable in templates; they cannot replace the variables above. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Ask over http when https did not answer. Only when the user said so. */
  readonly allowHttp?: boolean;
}

/** One place the image may be had from, in the order to try. `argument` is an image argument (`docker://…`). */
export type DiscoveredEndpoint =
  | { readonly kind: "archive"; readonly url: string; readonly signatureUrl: string }
  | { readonly kind: "registry"; readonly argument: string };

/** One GET and what came of it. */
export interface DiscoveryStep {
  readonly url: string;
  readonly status?: number;
  /** For people: `found 2 endpoints and 1 key`, `no matching tag`, `the host did not answer: …`. */
  readonly outcome: string;
}

/** What discovery found; without endpoints the caller goes to the name's own registry. */
export interface Discovered {
  readonly steps: readonly DiscoveryStep[];
  readonly endpoints: readonly DiscoveredEndpoint[];
  /** URLs of public keys, to be shown before they are trusted. */
  readonly pubkeys: readonly string[];
}

/**
 * appc meta discovery: GET `https://NAME?ac-discovery=1` and, while nothing fits, one path component less, up to the
 * host. Tags count when their prefix equals the name or its first whole components. A template that renders to
 * `docker://HOST/PATH:TAG` says that the image is in that registry (Gantry's extension); one to an https URL names an
 * OCI archive. Endpoints and keys are looked for independently, each taken from the nearest page that has any.
 * @throws {DiscoveryError} "discovery/bad-name"
 * Spec: appc v0.8.11, discovery.md.
 */
export async function discoverName(
  { http }: { readonly http: HttpClient },
  query: DiscoveryQuery,
  options: { readonly signal?: AbortSignal } = {},
): Promise<Discovered> {
  const components = parseName(query.name);
  const values = DISCOVERED_EXTS.map((ext) => templateValues(query, ext));
  const steps: DiscoveryStep[] = [];
  let endpoints: readonly DiscoveredEndpoint[] = [];
  let pubkeys: readonly string[] = [];
  for (let count = components.length; count > 0; count--) {
    for (const scheme of query.allowHttp === true ? ["https", "http"] : ["https"]) {
      const url = `${scheme}://${components.slice(0, count).join("/")}?ac-discovery=1`;
      const page = await fetchPage(http, url, options);
      const tags = page.tags.filter(({ prefix }) => covers(prefix, query.name));
      const found = endpointsOf(tags, { values, query });
      const keys = keysOf(tags, query);
      if (endpoints.length === 0) endpoints = found;
      if (pubkeys.length === 0) pubkeys = keys;
      const outcome = page.outcome ?? formatFound(found.length, keys.length);
      steps.push({ url, outcome, ...(page.status === undefined ? {} : { status: page.status }) });
      if (endpoints.length > 0 && pubkeys.length > 0) return { steps, endpoints, pubkeys };
      if (page.status !== undefined) break; // the host speaks this scheme
    }
    if (endpoints.length > 0) break;
  }
  return { steps, endpoints, pubkeys };
}

function parseName(name: string): readonly string[] {
  const components = name.split("/");
  const isGood =
    components.length <= MAX_COMPONENTS && name.length <= 512 && /^[a-z0-9.\-[\]:]+$/.test(components[0] ?? "");
  if (isGood && components.slice(1).every((part) => /^[a-z0-9][a-z0-9._~-]*$/.test(part))) return components;
  throw new DiscoveryError("discovery/bad-name", `Cannot discover "${name.slice(0, 200)}": not a name`, {
    hint: "write it as HOST/PATH, for example example.com/app",
  });
}

function templateValues(query: DiscoveryQuery, ext: (typeof DISCOVERED_EXTS)[number]): TemplateValues {
  // appc has its own words for architectures.
  const arch = ext === "aci" ? archLabelOf({ os: query.os, architecture: query.arch }) : undefined;
  return new Map([
    ...Object.entries(query.labels ?? {}),
    ["name", query.name],
    ["version", query.version ?? "latest"],
    ["os", query.os],
    ["arch", arch ?? query.arch],
    ["ext", ext],
  ]);
}

interface Page {
  readonly tags: readonly DiscoveryTag[];
  readonly status?: number;
  /** Why there are no tags. */
  readonly outcome?: string;
}

async function fetchPage(http: HttpClient, url: string, { signal }: { readonly signal?: AbortSignal }): Promise<Page> {
  try {
    const response = await http.send({ url, headers: { accept: "text/html" } }, signal === undefined ? {} : { signal });
    if (response.status !== 200) {
      await response.discard();
      return { tags: [], status: response.status, outcome: `the host answered ${response.status}` };
    }
    return { tags: parseMetaTags(await response.readText(MAX_PAGE_BYTES)), status: response.status };
  } catch (reason) {
    if (signal?.aborted) throw reason;
    return { tags: [], outcome: `the host did not answer: ${formatReason(reason)}` }; // an outcome, kept as text
  }
}

/** `example.com/etcd` covers itself and `example.com/etcd/x`, never `example.com/etcd-foo`. */
function covers(prefix: string, name: string): boolean {
  const bare = prefix.endsWith("/") ? prefix.slice(0, -1) : prefix;
  return bare !== "" && (name === bare || name.startsWith(`${bare}/`));
}

function endpointsOf(
  tags: readonly DiscoveryTag[],
  { values, query }: { readonly values: readonly TemplateValues[]; readonly query: DiscoveryQuery },
): readonly DiscoveredEndpoint[] {
  const rendered = tags
    .filter(({ name }) => name === "ac-discovery")
    .flatMap(({ value }) => values.flatMap((some) => renderTemplate(value, some) ?? []));
  return [...new Set(rendered)].flatMap((place): DiscoveredEndpoint[] => {
    if (/^docker:\/\/[^/\s]+\/[^\s]+$/.test(place)) return [{ kind: "registry", argument: place }];
    const url = parseUrl(place, query);
    if (url === undefined) return [];
    const signature = new URL(url);
    signature.pathname += ".asc";
    return [{ kind: "archive", url: url.href, signatureUrl: signature.href }];
  });
}

function keysOf(tags: readonly DiscoveryTag[], query: DiscoveryQuery): readonly string[] {
  const urls = tags.flatMap(({ name, value }) =>
    name === "ac-discovery-pubkeys" ? (parseUrl(value, query)?.href ?? []) : [],
  );
  return [...new Set(urls)];
}

function parseUrl(text: string, { allowHttp }: DiscoveryQuery): URL | undefined {
  const url = URL.parse(text);
  if (url === null || url.username !== "" || url.password !== "") return undefined;
  return url.protocol === "https:" || (url.protocol === "http:" && allowHttp === true) ? url : undefined;
}

function formatFound(endpoints: number, keys: number): string {
  if (endpoints === 0 && keys === 0) return "no matching tag";
  return `found ${endpoints} endpoint${endpoints === 1 ? "" : "s"} and ${keys} key${keys === 1 ? "" : "s"}`;
}
