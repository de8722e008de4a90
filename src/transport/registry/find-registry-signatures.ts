import type { Descriptor } from "../../image/descriptor.ts";
import type { Digest } from "../../image/digest.ts";
import { collectSignatures } from "../collect-signatures.ts";
import type { FoundSignature } from "../image-source.ts";
import { isSignatureType } from "../signature-media-types.ts";
import { fetchCosignSignatures } from "./fetch-cosign-signatures.ts";
import { fetchDocument } from "./fetch-document.ts";
import { listReferrers } from "./list-referrers.ts";
import type { RegistryClient } from "./registry-client.ts";
import { fetchStoredSignatures } from "./signature-storage.ts";

/**
 * Every signature of a manifest that its registry has, in every form: referrers (OpenPGP, sigstore bundles), cosign's
 * `.sig` tag, and the registry's own signature storage. Asked for at the same time.
 * @throws {TransportError} as the client does; a form the registry does not know is no error.
 */
export async function findRegistrySignatures(
  client: RegistryClient,
  { subject, place }: { readonly subject: Digest; readonly place: string },
  options: { readonly signal?: AbortSignal } = {},
): Promise<readonly FoundSignature[]> {
  const read = (descriptor: Descriptor, limitBytes: number) =>
    fetchDocument(client, { descriptor, limitBytes }, options);
  const attached = async () => {
    const candidates = await listReferrers(client, { subject, isWanted: isSignatureType }, options);
    return collectSignatures(read, { subject, candidates, place });
  };
  const found = await Promise.all([
    attached(),
    fetchCosignSignatures(client, { subject, place }, options),
    fetchStoredSignatures(client, { subject, place }, options),
  ]);
  return found.flat();
}
