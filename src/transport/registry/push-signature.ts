import type { SignatureArtifact } from "../signature-artifact.ts";
import { pushBlob } from "./push-blob.ts";
import { pushManifest } from "./push-manifest.ts";
import type { RegistryClient } from "./registry-client.ts";

/**
 * Attaches a signature to the manifest it is about, in that manifest's repository. Idempotent for the same artifact;
 * the signature can be found only after its last request.
 * @throws {TransportError} as the client does.
 */
export async function pushSignature(
  client: RegistryClient,
  artifact: SignatureArtifact,
  options: { readonly signal?: AbortSignal } = {},
): Promise<void> {
  await pushBlob(client, artifact.config, options);
  await pushBlob(client, artifact.layer, options);
  const { manifest, subject } = artifact;
  await pushManifest(client, { manifest, reference: manifest.descriptor.digest, subject }, options);
}
