import type { HttpResponse } from "../../sys/host.ts";
import { TransportError } from "../errors.ts";
import type { BlobOutcome, OutgoingBlob, SinkOptions } from "../image-sink.ts";
import type { RegistryClient } from "./registry-client.ts";

/** Blobs up to this size go in one request, larger ones in parts of it. */
export const UPLOAD_CHUNK_BYTES = 8 * 1024 * 1024;
/** Long enough for one part over a slow line: while we send, nothing arrives. */
const SEND_IDLE_MS = 15 * 60_000;
/** How often an upload that got stuck is asked how far it is, and then begun anew. */
const MAX_RESUMES = 8;
const OCTETS = { "content-type": "application/octet-stream" };

/** Where blobs may already be, so that nothing needs to be sent. */
export interface UploadPlaces {
  /** Repositories of the same registry. */
  readonly mountFrom: readonly string[];
}

/**
 * Brings a blob into a repository: skipped when it is there, mounted from another repository when that has it, in one
 * request when small, else in parts. A broken connection is resumed at the byte the registry has; a registry that takes
 * no parts gets the whole in one stream. The registry checks the digest.
 * @throws {TransportError} "transport/bad-answer" and those of the client.
 * Spec: OCI distribution-spec v1.1.0, "Pushing Blobs".
 */
export async function uploadBlob(
  client: RegistryClient,
  blob: OutgoingBlob,
  { mountFrom, ...options }: UploadPlaces & SinkOptions,
): Promise<BlobOutcome> {
  const upload = new Upload(client, blob, options);
  if (await upload.isPresent()) return "present";
  for (const from of mountFrom.slice(0, 4)) if (await upload.mount(from)) return "mounted";
  if (!upload.isOpen) await upload.start();
  await (blob.descriptor.sizeBytes <= UPLOAD_CHUNK_BYTES ? upload.whole() : upload.parts());
  return "written";
}

class Upload {
  readonly #client: RegistryClient;
  readonly #blob: OutgoingBlob;
  readonly #options: SinkOptions;
  readonly #what: string;
  #session = "";

  constructor(client: RegistryClient, blob: OutgoingBlob, options: SinkOptions) {
    this.#client = client;
    this.#blob = blob;
    this.#options = options;
    const { host, repository } = client.address;
    this.#what = `push blob ${blob.descriptor.digest} to registry "${host}/${repository}"`;
  }

  /** Whether a mount that was turned down left a session to upload to. */
  get isOpen(): boolean {
    return this.#session !== "";
  }

  isPresent(): Promise<boolean> {
    const { digest, sizeBytes } = this.#blob.descriptor;
    return this.#send({
      method: "HEAD",
      target: `blobs/${digest}`,
      accept: [200, 404],
      read: async (response) => {
        await response.discard();
        const length = response.headers.get("content-length");
        return response.status === 200 && (length === null || Number(length) === sizeBytes);
      },
    });
  }

  /** Opens an upload session, or has the blob mounted. */
  start(mountFrom?: string): Promise<"mounted" | "open"> {
    const { digest } = this.#blob.descriptor;
    const query = mountFrom === undefined ? "" : `?${new URLSearchParams({ mount: digest, from: mountFrom })}`;
    return this.#send({
      method: "POST",
      target: `blobs/uploads/${query}`,
      body: new Uint8Array(),
      accept: [201, 202],
      read: async (response) => {
        await response.discard();
        if (response.status === 201) return "mounted";
        this.#moveTo(response);
        return "open";
      },
    });
  }

  /** A repository we may not read from is none that has the blob. */
  async mount(from: string): Promise<boolean> {
    try {
      return (await this.start(from)) === "mounted";
    } catch (reason) {
      if (reason instanceof TransportError && reason.code === "transport/unauthorized") return false;
      throw reason;
    }
  }

  async whole(): Promise<void> {
    const parts: Uint8Array[] = [];
    for await (const chunk of this.#blob.open(0)) parts.push(chunk);
    const body = Buffer.concat(parts);
    await this.#finish(body);
    this.#options.onBytes?.(body.byteLength);
  }

  async parts(): Promise<void> {
    let at = 0;
    for (let resumes = 0; ; ) {
      const reached = await this.#sendFrom(at);
      if (reached === "unsupported") return await this.#stream();
      if (reached === "done") return await this.#finish(new Uint8Array());
      if (++resumes > MAX_RESUMES) throw this.#failed("transport/unavailable", "the upload does not get on");
      const known = await this.#progress();
      if (known === undefined) await this.start();
      at = known ?? 0;
    }
  }

  /** Sends parts from a byte on. "stuck": the registry has to be asked how far it is. */
  async #sendFrom(fromByte: number): Promise<"done" | "stuck" | "unsupported"> {
    let at = fromByte;
    for await (const part of inParts(this.#blob.open(fromByte))) {
      const outcome = await this.#sendPart(part, at);
      if (outcome !== "taken") return outcome === "refused" && at === 0 ? "unsupported" : "stuck";
      at += part.byteLength;
      this.#options.onBytes?.(part.byteLength);
    }
    return "done";
  }

  async #sendPart(body: Uint8Array, at: number): Promise<"taken" | "misplaced" | "refused"> {
    const end = at + body.byteLength;
    try {
      return await this.#send({
        method: "PATCH",
        target: this.#session,
        headers: { ...OCTETS, "content-range": `${at}-${end - 1}` },
        body,
        accept: [202, 204, 400, 404, 405, 416],
        read: async (response) => {
          await response.discard();
          if (response.status === 416) return "misplaced";
          if (response.status >= 400) return "refused";
          this.#moveTo(response);
          // A registry that took only a part of it says so.
          return (endOf(response) ?? end) === end ? "taken" : "misplaced";
        },
      });
    } catch (reason) {
      if (reason instanceof TransportError && reason.code === "transport/unavailable") return "misplaced";
      throw reason;
    }
  }

  /** Bytes the registry has; undefined when it has forgotten the upload. */
  #progress(): Promise<number | undefined> {
    return this.#send({
      method: "GET",
      target: this.#session,
      accept: [200, 204, 400, 404, 405],
      read: async (response) => {
        await response.discard();
        if (response.status >= 400) return undefined;
        this.#moveTo(response);
        const end = endOf(response) ?? 0;
        return end <= 1 ? 0 : end; // "0-0" is what registries say of nothing, too
      },
    });
  }

  /** Everything in one request that is not held in memory. */
  async #stream(): Promise<void> {
    await this.start();
    await this.#finish(() => this.#blob.open(0));
    this.#options.onBytes?.(this.#blob.descriptor.sizeBytes);
  }

  async #finish(body: Uint8Array | (() => AsyncIterable<Uint8Array>)): Promise<void> {
    const { digest, sizeBytes } = this.#blob.descriptor;
    const url = new URL(this.#session);
    url.searchParams.append("digest", digest);
    const length = typeof body === "function" ? { "content-length": String(sizeBytes) } : {};
    await this.#send({
      method: "PUT",
      target: url.href,
      headers: { ...OCTETS, ...length },
      body,
      accept: [201, 202, 204],
      read: (response) => response.discard(),
    });
  }

  #send<T>(
    request: Omit<Parameters<RegistryClient["send"]>[0], "read" | "what" | "action"> & {
      readonly read: (response: HttpResponse) => Promise<T>;
    },
  ): Promise<T> {
    const { signal } = this.#options;
    return this.#client.send<T>(
      { what: this.#what, action: "pull,push", idleTimeoutMs: SEND_IDLE_MS, ...request },
      signal === undefined ? {} : { signal },
    );
  }

  #moveTo(response: HttpResponse): void {
    const location = response.headers.get("location");
    const url = location === null ? null : URL.parse(location, response.url);
    if (url !== null && url.protocol === URL.parse(response.url)?.protocol) this.#session = url.href;
    else if (this.#session === "") throw this.#failed("transport/bad-answer", "the registry names no upload address");
  }

  #failed(code: "transport/bad-answer" | "transport/unavailable", state: string): TransportError {
    return new TransportError(code, `Cannot ${this.#what}: ${state}`, {
      hint: "try again; when it stays so, check that this registry works with other tools",
    });
  }
}

/** End of what the registry has, exclusive, from `Range: 0-N`. */
function endOf(response: HttpResponse): number | undefined {
  const [, last] = /^(?:bytes=)?0-(\d{1,15})$/.exec(response.headers.get("range")?.trim() ?? "") ?? [];
  return last === undefined ? undefined : Number(last) + 1;
}

async function* inParts(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let parts: Uint8Array[] = [];
  let held = 0;
  for await (const chunk of chunks) {
    for (let rest = chunk; rest.byteLength > 0; ) {
      const piece = rest.subarray(0, UPLOAD_CHUNK_BYTES - held);
      rest = rest.subarray(piece.byteLength);
      parts.push(piece);
      held += piece.byteLength;
      if (held < UPLOAD_CHUNK_BYTES) continue;
      yield Buffer.concat(parts);
      [parts, held] = [[], 0];
    }
  }
  if (held > 0) yield Buffer.concat(parts);
}
