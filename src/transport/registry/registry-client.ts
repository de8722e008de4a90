import { registryHost } from "../../image/image-name.ts";
import { SysError } from "../../sys/errors.ts";
import type { HttpClient, HttpRequest, HttpResponse } from "../../sys/host.ts";
import type { CredentialSource } from "../credentials.ts";
import { TransportError } from "../errors.ts";
import type { Pacing } from "../pacing.ts";
import { type AuthAction, type AuthSubject, createAuthenticator } from "./authenticator.ts";
import { registryError } from "./registry-error.ts";
import { retry } from "./retry.ts";

/** What talking to a registry takes from the host. */
export interface RegistryHost {
  readonly http: HttpClient;
  readonly credentials: CredentialSource;
  readonly pacing: Pacing;
}

/** A repository in a registry. `plainHttp` is decided by the user, never by the registry. */
export type RepositoryAddress = AuthSubject;

/** One request to a repository, and how its answer becomes a value. */
export interface RegistryRequest<T> {
  /** Continues "Cannot …" in messages. */
  readonly what: string;
  readonly action: AuthAction;
  /** Path beneath `/v2/<repository>/`, or an absolute URL the registry gave. */
  readonly target: string;
  readonly method?: NonNullable<HttpRequest["method"]>;
  readonly headers?: Readonly<Record<string, string>>;
  /** Made anew for every attempt when it is a stream. */
  readonly body?: Uint8Array | (() => AsyncIterable<Uint8Array>);
  /** As in `HttpRequest`: raise it for bodies that take long to send. */
  readonly idleTimeoutMs?: number;
  /** Statuses handed to `read`; all others become errors. */
  readonly accept: readonly number[];
  /** Reads the answer; runs inside the retry, so that a body that breaks off is asked for again. */
  readonly read: (response: HttpResponse) => Promise<T>;
}

/** Sends requests to one repository, logged in and retried. */
export interface RegistryClient {
  readonly address: RepositoryAddress;
  send<T>(request: RegistryRequest<T>, options?: { readonly signal?: AbortSignal }): Promise<T>;
}

/**
 * Client for one repository. Keeps its tokens for its own life. The Authorization header goes to the repository's own
 * origin only. `docker.io` means the host that really serves it.
 */
export function createRegistryClient(host: RegistryHost, address: RepositoryAddress): RegistryClient {
  const origin = registryOrigin(address);
  const authenticator = createAuthenticator(host, address);

  async function exchange<T>(request: RegistryRequest<T>, options: { readonly signal?: AbortSignal }): Promise<T> {
    const url = new URL(request.target, `${origin}/v2/${address.repository}/`);
    const mayLogIn = url.origin === origin;
    const send = (authorization: string | undefined) =>
      host.http.send(
        {
          url: url.href,
          method: request.method ?? "GET",
          headers: { ...request.headers, ...(authorization === undefined ? {} : { authorization }) },
          ...(request.body === undefined
            ? {}
            : { body: typeof request.body === "function" ? request.body() : request.body }),
          ...(request.idleTimeoutMs === undefined ? {} : { idleTimeoutMs: request.idleTimeoutMs }),
        },
        options,
      );
    let response = await send(mayLogIn ? authenticator.known(request.action) : undefined);
    if (response.status === 401 && mayLogIn && isSameOrigin(response.url, origin)) {
      const value = await authenticator.answer(response.headers.get("www-authenticate") ?? "", request.action, options);
      if (value !== undefined) {
        await response.discard();
        response = await send(value);
      }
    }
    if (!request.accept.includes(response.status)) throw await registryError(response, request.what, address.host);
    return await request.read(response);
  }

  return {
    address,
    async send(request, options = {}) {
      try {
        return await retry(host.pacing, { what: request.what, attempt: () => exchange(request, options) }, options);
      } catch (reason) {
        throw translate(reason, request.what, options.signal);
      }
    },
  };
}

/** Scheme, host and port a registry is spoken to at. */
export function registryOrigin({ host, plainHttp }: RepositoryAddress): string {
  const url = URL.parse(`${plainHttp ? "http" : "https"}://${registryHost(host)}`);
  if (url === null || url.pathname !== "/" || url.username !== "") {
    throw new TransportError("transport/unsupported", `Cannot use registry "${host}": this is not a host name`, {
      hint: "write it as HOST or HOST:PORT",
    });
  }
  return url.origin;
}

function isSameOrigin(url: string, origin: string): boolean {
  return URL.parse(url)?.origin === origin;
}

function translate(reason: unknown, what: string, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted || !(reason instanceof SysError)) return reason;
  const details = { ...(reason.hint === undefined ? {} : { hint: reason.hint }), cause: reason };
  if (reason.code === "sys/too-large") {
    return new TransportError("transport/bad-answer", `Cannot ${what}: the answer is too large`, details);
  }
  // A certificate that is not trusted, a CA file that is missing: not the registry's state, and no retry helps.
  if (reason.code !== "sys/http-failed" && reason.code !== "sys/timeout") return reason;
  return new TransportError("transport/unavailable", `Cannot ${what}: ${reason.message}`, details);
}
