import type { TestAnswer, TestRequest } from "./http-server.ts";

/** How the registry wants its users to log in. `identityToken` is accepted as OAuth2 refresh token. */
export type RegistryAuth =
  | { readonly kind: "none" }
  | { readonly kind: "basic"; readonly username: string; readonly password: string }
  | {
      readonly kind: "bearer";
      readonly username?: string;
      readonly password?: string;
      readonly identityToken?: string;
      readonly anonymousPull?: boolean;
    };

const TOKEN_PATH = "/token";

/** Stands before the registry: answers token requests and refuses requests without the right Authorization. */
export function createRegistryGuard(auth: RegistryAuth): (request: TestRequest) => TestAnswer | undefined {
  const tokens = new Map<string, string>(); // token → scope
  return (request) => {
    if (auth.kind === "none") return undefined;
    const authorization = request.headers.get("authorization");
    if (auth.kind === "basic") {
      return authorization === basicOf(auth) ? undefined : refuse('Basic realm="test, with \\"quotes\\""');
    }
    if (request.url.pathname === TOKEN_PATH) return answerToken(auth, { request, tokens });
    const scope = neededScope(request);
    if (tokens.get(authorization?.replace(/^Bearer /, "") ?? "")?.startsWith(scope)) return undefined;
    return refuse(`Bearer realm="${request.url.origin}${TOKEN_PATH}",service="test registry",scope="${scope}"`);
  };
}

function neededScope({ method, url }: TestRequest): string {
  const [, name = ""] = /^\/v2\/(.+)\/(?:manifests|blobs|referrers|tags)\//.exec(url.pathname) ?? [];
  return `repository:${name}:${method === "GET" || method === "HEAD" ? "pull" : "pull,push"}`;
}

function answerToken(
  auth: RegistryAuth & { readonly kind: "bearer" },
  { request, tokens }: { readonly request: TestRequest; readonly tokens: Map<string, string> },
): TestAnswer {
  const form =
    request.method === "POST" ? new URLSearchParams(Buffer.from(request.body).toString()) : request.url.searchParams;
  const scope = form.get("scope") ?? "";
  const isUser =
    auth.username !== undefined &&
    request.headers.get("authorization") === basicOf({ username: auth.username, password: auth.password ?? "" });
  const isIdentity =
    request.method === "POST" && auth.identityToken !== undefined && form.get("refresh_token") === auth.identityToken;
  const isAllowedAnonymous =
    !request.headers.has("authorization") && auth.anonymousPull === true && !scope.endsWith("push");
  if (!isUser && !isIdentity && !isAllowedAnonymous)
    return { status: 401, body: JSON.stringify({ errors: [{ code: "UNAUTHORIZED", message: "bad credentials" }] }) };
  const token = `token-${tokens.size + 1}`;
  tokens.set(token, scope);
  const field = isIdentity ? { access_token: token } : { token };
  return {
    status: 200,
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ ...field, expires_in: 300 }),
  };
}

function basicOf({ username, password }: { readonly username: string; readonly password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

function refuse(challenge: string): TestAnswer {
  const body = JSON.stringify({ errors: [{ code: "UNAUTHORIZED", message: "authentication required" }] });
  return { status: 401, headers: { "www-authenticate": challenge, "content-type": "application/json" }, body };
}
