import type { Descriptor } from "../../image/descriptor.ts";
import type { Digest } from "../../image/digest.ts";
import { OCI_INDEX } from "../../image/media-types.ts";
import { parseIndex } from "../../image/parse-index.ts";
import type { HttpResponse } from "../../sys/host.ts";
import { TransportError } from "../errors.ts";
import { referrersTag } from "../signature-artifact.ts";
import { fetchManifest, MAX_MANIFEST_BYTES } from "./fetch-manifest.ts";
import type { RegistryClient } from "./registry-client.ts";

const MAX_PAGES = 20;
/** Answers that mean "there is no such API here" rather than "there are no referrers". */
const NO_API = [400, 404, 405, 406, 501];

/**
 * Manifests that name `subject`, with a wanted artifact type or none stated (the caller looks inside). Reads at most
 * 20 pages; falls back to the referrers tag where the registry has no referrers API.
 * @throws {TransportError} as the client does.
 * Spec: OCI distribution-spec v1.1.0, "Listing Referrers".
 */
export async function listReferrers(
  client: RegistryClient,
  { subject, isWanted }: { readonly subject: Digest; readonly isWanted: (artifactType: string) => boolean },
  options: { readonly signal?: AbortSignal } = {},
): Promise<readonly Descriptor[]> {
  const found: Descriptor[] = [];
  let target: string | undefined = `referrers/${subject}`;
  for (let page = 0; target !== undefined && page < MAX_PAGES; page++) {
    const answer: Page | undefined = await fetchPage(client, { target, subject }, options);
    if (answer === undefined) return keep(await readFallback(client, subject, options), isWanted);
    found.push(...answer.entries);
    target = answer.next;
  }
  return keep(found, isWanted);
}

interface Page {
  readonly entries: readonly Descriptor[];
  readonly next: string | undefined;
}

async function fetchPage(
  client: RegistryClient,
  { target, subject }: { readonly target: string; readonly subject: Digest },
  options: { readonly signal?: AbortSignal },
): Promise<Page | undefined> {
  const what = `list signatures of ${subject} in registry "${client.address.host}/${client.address.repository}"`;
  const read = async (response: HttpResponse): Promise<Page | undefined> => {
    const isIndex = response.headers.get("content-type")?.split(";")[0]?.trim() === OCI_INDEX;
    if (response.status !== 200 || !isIndex) {
      await response.discard();
      return undefined;
    }
    const raw = await response.readBytes(MAX_MANIFEST_BYTES);
    return { entries: parseIndex(raw).manifests, next: nextLink(response) };
  };
  const headers = { accept: OCI_INDEX };
  return client.send({ what, action: "pull", target, headers, accept: [200, ...NO_API], read }, options);
}

/** Same-origin only: the list of signatures is not to be continued elsewhere. */
function nextLink(response: HttpResponse): string | undefined {
  const [, link] = /<([^>]{1,4096})>\s*;\s*rel="?next"?/.exec(response.headers.get("link") ?? "") ?? [];
  const url = link === undefined ? null : URL.parse(link, response.url);
  return url !== null && url.origin === URL.parse(response.url)?.origin ? url.href : undefined;
}

async function readFallback(
  client: RegistryClient,
  subject: Digest,
  options: { readonly signal?: AbortSignal },
): Promise<readonly Descriptor[]> {
  try {
    const { raw, descriptor } = await fetchManifest(client, referrersTag(subject), options);
    return descriptor.mediaType === OCI_INDEX ? parseIndex(raw).manifests : [];
  } catch (reason) {
    if (reason instanceof TransportError && reason.code === "transport/not-found") return []; // nothing is attached
    throw reason;
  }
}

function keep(entries: readonly Descriptor[], isWanted: (artifactType: string) => boolean): readonly Descriptor[] {
  return entries.filter((entry) => entry.artifactType === undefined || isWanted(entry.artifactType));
}
