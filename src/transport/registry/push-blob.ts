import type { HttpResponse } from "../../sys/host.ts";
import { TransportError } from "../errors.ts";
import type { BuiltBlob } from "../signature-artifact.ts";
import type { RegistryClient } from "./registry-client.ts";

/**
 * Uploads a blob held in memory, unless the repository has it already. The upload address the registry names may be on
 * another host; it then gets the bytes but not our credentials.
 * @throws {TransportError} "transport/bad-answer" and those of the client.
 * Spec: OCI distribution-spec v1.1.0, "Pushing a blob monolithically".
 */
export async function pushBlob(
  client: RegistryClient,
  { descriptor, raw }: BuiltBlob,
  options: { readonly signal?: AbortSignal } = {},
): Promise<void> {
  const what = `push blob ${descriptor.digest} to registry "${client.address.host}/${client.address.repository}"`;
  const action = "pull,push";
  const isThere = await client.send(
    { what, action, method: "HEAD", target: `blobs/${descriptor.digest}`, accept: [200, 404], read: statusIs200 },
    options,
  );
  if (isThere) return;
  const target = await client.send(
    {
      what,
      action,
      method: "POST",
      target: "blobs/uploads/",
      body: new Uint8Array(),
      accept: [202],
      read: (response) => uploadUrl(response, { what, digest: descriptor.digest }),
    },
    options,
  );
  const headers = { "content-type": "application/octet-stream" };
  const read = (response: HttpResponse) => response.discard();
  await client.send(
    { what, action, method: "PUT", target, headers, body: raw, accept: [201, 202, 204], read },
    options,
  );
}

async function statusIs200(response: HttpResponse): Promise<boolean> {
  await response.discard();
  return response.status === 200;
}

async function uploadUrl(
  response: HttpResponse,
  { what, digest }: { readonly what: string; readonly digest: string },
): Promise<string> {
  await response.discard();
  const url = URL.parse(response.headers.get("location") ?? "", response.url);
  if (url === null || url.protocol !== URL.parse(response.url)?.protocol || response.headers.get("location") === null) {
    throw new TransportError("transport/bad-answer", `Cannot ${what}: the registry names no upload address`, {
      hint: "check that this host is an OCI registry and works with other tools",
    });
  }
  url.searchParams.append("digest", digest);
  return url.href;
}
