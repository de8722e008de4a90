import type { Descriptor } from "../../image/descriptor.ts";
import { digestOf } from "../../image/digest.ts";
import { OCI_INDEX } from "../../image/media-types.ts";
import { parseIndex } from "../../image/parse-index.ts";
import type { HttpResponse } from "../../sys/host.ts";
import { TransportError } from "../errors.ts";
import { type BuiltBlob, encodeDescriptor, referrersTag } from "../signature-artifact.ts";
import { fetchManifest } from "./fetch-manifest.ts";
import type { RegistryClient } from "./registry-client.ts";

/**
 * Uploads a manifest under `reference` (tag or its digest). When it has a subject and the registry does not say that
 * it keeps referrers itself, the referrers tag is brought up to date; that step is read-modify-write, so two writers
 * at once may lose one entry, as the specification accepts.
 * @throws {TransportError} as the client does.
 * Spec: OCI distribution-spec v1.1.0, "Pushing Manifests with Subject".
 */
export async function pushManifest(
  client: RegistryClient,
  {
    manifest,
    reference,
    subject,
  }: { readonly manifest: BuiltBlob; readonly reference: string; readonly subject?: Descriptor },
  options: { readonly signal?: AbortSignal } = {},
): Promise<void> {
  const what = `push manifest "${reference}" to registry "${client.address.host}/${client.address.repository}"`;
  const read = async (response: HttpResponse) => {
    await response.discard();
    return response.headers.has("oci-subject");
  };
  const keepsReferrers = await client.send(
    {
      what,
      action: "pull,push",
      method: "PUT",
      target: `manifests/${reference}`,
      headers: { "content-type": manifest.descriptor.mediaType },
      body: manifest.raw,
      accept: [200, 201, 202],
      read,
    },
    options,
  );
  if (subject !== undefined && !keepsReferrers)
    await updateReferrersTag(client, { subject, added: manifest.descriptor }, options);
}

async function updateReferrersTag(
  client: RegistryClient,
  { subject, added }: { readonly subject: Descriptor; readonly added: Descriptor },
  options: { readonly signal?: AbortSignal },
): Promise<void> {
  const tag = referrersTag(subject.digest);
  const before = await readEntries(client, tag, options);
  if (before.some(({ digest }) => digest === added.digest)) return;
  const document = { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [...before, added].map(encodeDescriptor) };
  const raw = new TextEncoder().encode(JSON.stringify(document));
  const descriptor = { mediaType: OCI_INDEX, digest: digestOf(raw), sizeBytes: raw.byteLength, annotations: {} };
  await pushManifest(client, { manifest: { raw, descriptor }, reference: tag }, options);
}

async function readEntries(
  client: RegistryClient,
  tag: string,
  options: { readonly signal?: AbortSignal },
): Promise<readonly Descriptor[]> {
  try {
    const { raw, descriptor } = await fetchManifest(client, tag, options);
    return parseIndex(raw, descriptor.mediaType).manifests;
  } catch (reason) {
    if (reason instanceof TransportError && reason.code === "transport/not-found") return []; // the first referrer
    throw reason;
  }
}
