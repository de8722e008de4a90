import type { ImageSource } from "../image-source.ts";
import { fetchDocument } from "./fetch-document.ts";
import { type FetchedManifest, fetchManifest } from "./fetch-manifest.ts";
import { findRegistrySignatures } from "./find-registry-signatures.ts";
import { openBlob } from "./open-blob.ts";
import { createRegistryClient, type RegistryHost } from "./registry-client.ts";

/** One image in a registry. */
export interface RegistryImage {
  /** Host, with port unless it is the scheme's own. */
  readonly host: string;
  readonly repository: string;
  /** Tag or digest. */
  readonly reference: string;
  /** True only when the user allowed http for this host. */
  readonly plainHttp: boolean;
}

/**
 * An image in a registry that speaks distribution-spec 1.1 or Docker v2. Makes no request before the first method is
 * called; holds no connection of its own. The document `resolve` found is kept, so reading it costs nothing more.
 * Spec: OCI distribution-spec v1.1.0.
 */
export function openRegistrySource(host: RegistryHost, image: RegistryImage): ImageSource {
  const client = createRegistryClient(host, {
    host: image.host,
    repository: image.repository,
    plainHttp: image.plainHttp,
  });
  const place = `registry ${image.host}/${image.repository}`;
  let resolved: FetchedManifest | undefined;
  return {
    place,
    async resolve(options = {}) {
      resolved = await fetchManifest(client, image.reference, options);
      return resolved.descriptor;
    },
    async readDocument(descriptor, limitBytes, options = {}) {
      const isKept =
        resolved?.descriptor.digest === descriptor.digest && resolved.raw.byteLength === descriptor.sizeBytes;
      if (resolved !== undefined && isKept && resolved.raw.byteLength <= limitBytes) return resolved.raw;
      return fetchDocument(client, { descriptor, limitBytes }, options);
    },
    openBlob: (descriptor, fromByte, options = {}) => openBlob(client, { descriptor, fromByte }, options),
    findSignatures(subject, options = {}) {
      return findRegistrySignatures(client, { subject, place }, options);
    },
    async [Symbol.asyncDispose]() {},
  };
}
