import type { Descriptor } from "../../image/descriptor.ts";
import { createHasher, splitDigest } from "../../image/digest.ts";
import type { HttpResponse } from "../../sys/host.ts";
import { TransportError } from "../errors.ts";
import { fetchManifest, isServedAsManifest } from "./fetch-manifest.ts";
import type { RegistryClient } from "./registry-client.ts";

/**
 * Fetches a manifest or small blob (config, signature) into memory and checks digest and size.
 * @throws {TransportError} "transport/bad-answer" when it differs or is larger than `limitBytes`, and those of the client.
 */
export async function fetchDocument(
  client: RegistryClient,
  { descriptor, limitBytes }: { readonly descriptor: Descriptor; readonly limitBytes: number },
  options: { readonly signal?: AbortSignal } = {},
): Promise<Uint8Array> {
  const what = `read ${descriptor.digest} from registry "${client.address.host}/${client.address.repository}"`;
  if (descriptor.sizeBytes > limitBytes) {
    throw new TransportError(
      "transport/bad-answer",
      `Cannot ${what}: ${descriptor.sizeBytes} bytes are more than the limit of ${limitBytes}`,
      {
        hint: "use an image with a smaller description",
      },
    );
  }
  if (isServedAsManifest(descriptor.mediaType)) {
    const { raw } = await fetchManifest(client, descriptor.digest, options);
    return checkDocument(descriptor, { raw, what });
  }
  const read = async (response: HttpResponse) => {
    return checkDocument(descriptor, { raw: await response.readBytes(limitBytes), what });
  };
  const headers = { "accept-encoding": "identity" };
  return client.send(
    { what, action: "pull", target: `blobs/${descriptor.digest}`, headers, accept: [200], read },
    options,
  );
}

/** Returns `raw` when it is what the descriptor names. @throws {TransportError} "transport/bad-answer" */
export function checkDocument(
  descriptor: Descriptor,
  { raw, what }: { readonly raw: Uint8Array; readonly what: string },
): Uint8Array {
  const hasher = createHasher(splitDigest(descriptor.digest).algorithm);
  hasher.update(raw);
  const got = hasher.digest();
  if (raw.byteLength === descriptor.sizeBytes && got === descriptor.digest) return raw;
  throw new TransportError("transport/bad-answer", `Cannot ${what}: its content differs from its digest or size`, {
    hint: "do not trust this source; fetch from another one",
    data: { want: descriptor.digest, got, wantBytes: descriptor.sizeBytes, gotBytes: raw.byteLength },
  });
}
