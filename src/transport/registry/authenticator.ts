import { SysError } from "../../sys/errors.ts";
import type { HttpClient, HttpRequest } from "../../sys/host.ts";
import type { CredentialSource, RegistryCredential } from "../credentials.ts";
import { TransportError } from "../errors.ts";
import { type AuthChallenge, parseChallenges } from "./parse-challenges.ts";
import { registryError } from "./registry-error.ts";

const MAX_TOKEN_BODY_BYTES = 1_048_576;

/** Repository whose registry asks who we are. */
export interface AuthSubject {
  readonly host: string;
  readonly repository: string;
  readonly plainHttp: boolean;
}

/** What may be done in the repository, in the registry's words. */
export type AuthAction = "pull" | "pull,push";

/** Keeps one Authorization value per action, so that a pull of many blobs asks for one token. */
export interface Authenticator {
  /** Value to send unasked, if one is known. */
  known(action: AuthAction): string | undefined;
  /** Answers a 401. undefined: nothing we could say would help. @throws {TransportError} */
  answer(header: string, action: AuthAction, options?: { readonly signal?: AbortSignal }): Promise<string | undefined>;
}

/**
 * Authenticator for one repository: Basic, Bearer with an anonymous, password or identity-token exchange. The
 * credential goes to the registry's host, or to the token realm it names over https (http only for a plain http
 * registry), never further: redirects of token requests are not followed.
 * Spec: distribution registry token authentication; RFC 6749, section 6.
 */
export function createAuthenticator(
  { http, credentials }: { readonly http: HttpClient; readonly credentials: CredentialSource },
  subject: AuthSubject,
): Authenticator {
  const values = new Map<AuthAction, string>();
  let lookup: Promise<RegistryCredential | undefined> | undefined;
  return {
    known: (action) => values.get(action),
    async answer(header, action, options = {}) {
      values.delete(action);
      lookup ??= credentials.find(subject.host, subject.repository, options);
      const credential = await lookup;
      const challenges = parseChallenges(header);
      const bearer = challenges.find(({ scheme, params }) => scheme === "bearer" && params["realm"] !== undefined);
      const value =
        bearer !== undefined
          ? `Bearer ${await fetchToken(http, tokenRequest(bearer, { subject, action, credential }), { subject, ...options })}`
          : challenges.some(({ scheme }) => scheme === "basic") && credential?.kind === "basic"
            ? basicValue(credential)
            : undefined;
      if (value !== undefined) values.set(action, value);
      return value;
    },
  };
}

function tokenRequest(
  { params }: AuthChallenge,
  {
    subject,
    action,
    credential,
  }: { subject: AuthSubject; action: AuthAction; credential: RegistryCredential | undefined },
): HttpRequest {
  const url = parseRealm(params["realm"] ?? "", subject);
  const fields = new URLSearchParams();
  if (params["service"] !== undefined) fields.set("service", params["service"]);
  fields.set("scope", params["scope"] ?? `repository:${subject.repository}:${action}`);
  if (credential?.kind === "identity") {
    fields.set("grant_type", "refresh_token");
    fields.set("refresh_token", credential.token);
    fields.set("client_id", "gantry");
    const headers = { "content-type": "application/x-www-form-urlencoded", accept: "application/json" };
    return { url: url.href, method: "POST", headers, body: fields.toString(), maxRedirects: 0 };
  }
  for (const [name, value] of fields) url.searchParams.append(name, value);
  const authorization = credential === undefined ? {} : { authorization: basicValue(credential) };
  return { url: url.href, headers: { accept: "application/json", ...authorization }, maxRedirects: 0 };
}

function parseRealm(realm: string, subject: AuthSubject): URL {
  const url = URL.parse(realm);
  if (
    url !== null &&
    url.username === "" &&
    (url.protocol === "https:" || (url.protocol === "http:" && subject.plainHttp))
  ) {
    return url;
  }
  throw new TransportError(
    "transport/bad-answer",
    `Cannot log in to registry "${subject.host}": its token realm is not an https URL`,
    {
      hint: "ask the registry's operator to serve tokens over https, or allow plain http for this registry",
    },
  );
}

function basicValue({ username, password }: { readonly username: string; readonly password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

async function fetchToken(
  http: HttpClient,
  request: HttpRequest,
  { subject, signal }: { readonly subject: AuthSubject; readonly signal?: AbortSignal },
): Promise<string> {
  const response = await http.send(request, signal === undefined ? {} : { signal });
  const what = `get a token for registry "${subject.host}"`;
  if (response.status !== 200) throw await registryError(response, what, subject.host);
  try {
    const document: unknown = JSON.parse(await response.readText(MAX_TOKEN_BODY_BYTES));
    const token = tokenOf(document);
    if (token !== undefined) return token;
  } catch (reason) {
    if (reason instanceof SysError && reason.code !== "sys/too-large") throw reason;
    throw new TransportError("transport/bad-answer", `Cannot ${what}: its answer is not a token`, {
      hint: "check that the token server of this registry works with other tools",
      cause: reason,
    });
  }
  throw new TransportError("transport/bad-answer", `Cannot ${what}: its answer has no usable token`, {
    hint: "check that the token server of this registry works with other tools",
  });
}

function tokenOf(document: unknown): string | undefined {
  if (typeof document !== "object" || document === null) return undefined;
  const fields: { token?: unknown; access_token?: unknown } = document;
  const token = typeof fields.token === "string" && fields.token !== "" ? fields.token : fields.access_token;
  return typeof token === "string" && /^[\x21-\x7e]+$/.test(token) ? token : undefined;
}
