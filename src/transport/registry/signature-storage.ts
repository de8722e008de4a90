import { formatReason } from "../../base/errors.ts";
import { parseJsonStrict } from "../../base/json.ts";
import type { Digest } from "../../image/digest.ts";
import type { HttpResponse } from "../../sys/host.ts";
import { TransportError } from "../errors.ts";
import type { FoundSignature } from "../image-source.ts";
import { MAX_SIGNATURE_BYTES, MAX_SIGNATURES } from "../signature-artifact.ts";
import { type RegistryClient, registryOrigin } from "./registry-client.ts";

/** Header by which a registry says that it keeps GPG simple signatures itself. */
const SUPPORT_HEADER = "x-registry-supports-signatures";
const MAX_LIST_BYTES = 4 * 1024 * 1024;

interface StorageOptions {
  readonly signal?: AbortSignal;
}

/** Whether the registry keeps simple signatures. Spec: containers/image v5.36, docs/signature-protocols.md. */
export async function hasSignatureStorage(client: RegistryClient, options: StorageOptions = {}): Promise<boolean> {
  const target = `${registryOrigin(client.address)}/v2/`;
  const what = `ask registry "${client.address.host}" what it can do`;
  const read = async (response: HttpResponse) => {
    await response.discard();
    return response.headers.get(SUPPORT_HEADER) === "1";
  };
  return await client.send({ what, action: "pull", target, accept: [200, 401, 403, 404], read }, options);
}

/** Simple signatures in the registry's own storage; none where it has no such storage. */
export async function fetchStoredSignatures(
  client: RegistryClient,
  { subject, place }: { readonly subject: Digest; readonly place: string },
  options: StorageOptions = {},
): Promise<readonly FoundSignature[]> {
  if (!(await hasSignatureStorage(client, options))) return [];
  const what = `list signatures of ${subject} in registry "${client.address.host}/${client.address.repository}"`;
  const read = async (response: HttpResponse) => {
    if (response.status === 200) return parseList(await response.readBytes(MAX_LIST_BYTES), what);
    await response.discard();
    return [];
  };
  const target = storageUrl(client, subject);
  const contents = await client.send({ what, action: "pull", target, accept: [200, 404], read }, options);
  return contents.map((bytes, i) => ({
    bytes,
    from: `${place} signature ${i + 1}`,
    over: "manifest",
    kind: "simple",
  }));
}

/**
 * Adds a simple signature to the registry's own storage under a name of its content, so that a repetition adds nothing.
 * @throws {TransportError} as the client does.
 */
export async function pushStoredSignature(
  client: RegistryClient,
  { subject, bytes }: { readonly subject: Digest; readonly bytes: Uint8Array },
  options: StorageOptions = {},
): Promise<void> {
  const hash = new Bun.CryptoHasher("sha256").update(bytes).digest("hex").slice(0, 32);
  const document = {
    schemaVersion: 2,
    name: `${subject}@${hash}`,
    type: "atomic",
    content: Buffer.from(bytes).toString("base64"),
  };
  const what = `store a signature of ${subject} in registry "${client.address.host}/${client.address.repository}"`;
  await client.send(
    {
      what,
      action: "pull,push",
      method: "PUT",
      target: storageUrl(client, subject),
      headers: { "content-type": "application/json" },
      body: new TextEncoder().encode(JSON.stringify(document)),
      accept: [200, 201, 204],
      read: (response) => response.discard(),
    },
    options,
  );
}

function storageUrl(client: RegistryClient, subject: Digest): string {
  return `${registryOrigin(client.address)}/extensions/v2/${client.address.repository}/signatures/${subject}`;
}

/** Only entries of the version and type that are known count. */
function parseList(bytes: Uint8Array, what: string): readonly Uint8Array[] {
  let document: unknown;
  try {
    document = parseJsonStrict(bytes, { limitBytes: MAX_LIST_BYTES });
  } catch (reason) {
    throw new TransportError("transport/bad-answer", `Cannot ${what}: ${formatReason(reason)}`, {
      hint: "check what is between you and the registry",
      cause: reason,
    });
  }
  const top = new Map<string, unknown>(Object.entries(document ?? {}));
  const list = top.get("signatures");
  return (Array.isArray(list) ? list.slice(0, MAX_SIGNATURES) : []).flatMap((item: unknown) => {
    const one = new Map<string, unknown>(Object.entries(item ?? {}));
    const content = one.get("content");
    if (
      (one.get("schemaVersion") ?? one.get("version")) !== 2 ||
      one.get("type") !== "atomic" ||
      typeof content !== "string"
    )
      return [];
    const raw = new Uint8Array(Buffer.from(content, "base64"));
    return raw.byteLength > MAX_SIGNATURE_BYTES ? [] : [raw];
  });
}
