import type { Descriptor } from "../../image/descriptor.ts";
import type { HttpResponse } from "../../sys/host.ts";
import { TransportError } from "../errors.ts";
import type { BlobStream } from "../image-source.ts";
import type { RegistryClient } from "./registry-client.ts";

/**
 * Opens a blob from `fromByte` on. A registry that ignores ranges starts at 0 (see `startedAt`); one that refuses the
 * range is asked again for everything. Opening is retried; once bytes flow, resuming is the caller's.
 * @throws {TransportError} "transport/not-found", "transport/bad-answer" and those of the client.
 * Spec: OCI distribution-spec v1.1.0, "Pulling blobs"; RFC 9110, section 14.
 */
export async function openBlob(
  client: RegistryClient,
  { descriptor, fromByte }: { readonly descriptor: Descriptor; readonly fromByte: number },
  options: { readonly signal?: AbortSignal } = {},
): Promise<BlobStream> {
  if (fromByte > 0 && fromByte >= descriptor.sizeBytes) return { startedAt: fromByte, chunks: nothing() };
  const what = `read blob ${descriptor.digest} from registry "${client.address.host}/${client.address.repository}"`;
  const open = (headers: Record<string, string>, accept: readonly number[]) =>
    client.send<BlobStream | undefined>(
      {
        what,
        action: "pull",
        target: `blobs/${descriptor.digest}`,
        headers,
        accept,
        read: (response) => opened(response, { what, fromByte }),
      },
      options,
    );
  const identity = { "accept-encoding": "identity" };
  const part = fromByte === 0 ? undefined : await open({ ...identity, range: `bytes=${fromByte}-` }, [200, 206, 416]);
  const stream = part ?? (await open(identity, [200]));
  if (stream === undefined)
    throw new TransportError("transport/bad-answer", `Cannot ${what}: no content`, {
      hint: "check that this host is an OCI registry and works with other tools",
    });
  return stream;
}

async function opened(
  response: HttpResponse,
  { what, fromByte }: { readonly what: string; readonly fromByte: number },
): Promise<BlobStream | undefined> {
  if (response.status === 416) {
    await response.discard();
    return undefined;
  }
  const encoding = response.headers.get("content-encoding") ?? "identity";
  if (encoding !== "identity") {
    throw new TransportError("transport/bad-answer", `Cannot ${what}: it is sent in encoding "${encoding}"`, {
      hint: "check for a proxy between you and the registry that compresses answers",
    });
  }
  if (response.status === 200) return { startedAt: 0, chunks: translated(response.chunks(), what) };
  const [, start] = /^bytes (\d{1,15})-/.exec(response.headers.get("content-range") ?? "") ?? [];
  const startedAt = Number(start ?? Number.NaN);
  if (!(startedAt <= fromByte)) {
    throw new TransportError("transport/bad-answer", `Cannot ${what}: the range sent is not the one asked for`, {
      hint: "try again; if it stays, tell the registry's operator",
    });
  }
  return { startedAt, chunks: translated(response.chunks(), what) };
}

async function* translated(chunks: AsyncIterable<Uint8Array>, what: string): AsyncIterable<Uint8Array> {
  try {
    yield* chunks;
  } catch (reason) {
    throw new TransportError("transport/unavailable", `Cannot ${what}: the connection broke off`, {
      hint: "try again",
      cause: reason,
    });
  }
}

async function* nothing(): AsyncIterable<Uint8Array> {}
