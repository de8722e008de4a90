import { TransportError } from "../errors.ts";
import type { ImageSink } from "../image-sink.ts";
import type { RegistryImage } from "./open-registry-source.ts";
import { pushCosignSignature } from "./push-cosign-signature.ts";
import { pushManifest } from "./push-manifest.ts";
import { pushSignature } from "./push-signature.ts";
import { createRegistryClient, type RegistryHost } from "./registry-client.ts";
import { uploadBlob } from "./upload-blob.ts";

const PARALLEL = 3;

/**
 * A repository to write to. `reference` is the tag `commit` sets, or a digest the image must have. `mountFrom` names
 * repositories of the same registry that may hold blobs already.
 * Spec: OCI distribution-spec v1.1.0, "Push".
 */
export function openRegistrySink(
  host: RegistryHost,
  image: RegistryImage & { readonly mountFrom?: readonly string[] },
): ImageSink {
  const address = { host: image.host, repository: image.repository, plainHttp: image.plainHttp };
  const client = createRegistryClient(host, address);
  const mountFrom = (image.mountFrom ?? []).filter((repository) => repository !== image.repository);
  const isDigest = image.reference.includes(":");
  return {
    place: `registry ${image.host}/${image.repository}:${image.reference}`,
    parallel: PARALLEL,
    ociOnly: false,
    putBlob: (blob, options = {}) => uploadBlob(client, blob, { ...options, mountFrom }),
    putDocument: (manifest, options = {}) =>
      pushManifest(client, { manifest, reference: manifest.descriptor.digest }, options),
    putSignature: (signature, options = {}) => pushSignature(client, signature, options),
    putCosignSignature: async (signature, options = {}) =>
      (await pushCosignSignature(client, signature, options)) !== undefined,
    async commit(top, options = {}) {
      if (!isDigest) return await pushManifest(client, { manifest: top, reference: image.reference }, options);
      if (top.descriptor.digest === image.reference) return;
      throw new TransportError(
        "transport/unsupported",
        `Cannot push as "${image.reference}": the image has the digest ${top.descriptor.digest}`,
        { hint: "push it under a tag, or without a digest in the name" },
      );
    },
    async [Symbol.asyncDispose]() {},
  };
}
