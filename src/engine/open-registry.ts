import { type RegistryPlace, resolveRegistry } from "../discovery/resolve-registry.ts";
import { type ImageName, registryHost, registryReference } from "../image/image-name.ts";
import { SysError } from "../sys/errors.ts";
import type { HttpClient } from "../sys/host.ts";
import { createHttpClient } from "../sys/http.ts";
import { openFiles } from "../sys/linux/files.ts";
import { randomFraction } from "../sys/random.ts";
import { createCredentialSource } from "../transport/find-credentials.ts";
import { type OnAttempt, openFirstAvailable } from "../transport/first-available.ts";
import type { ImageSource } from "../transport/image-source.ts";
import { createPacing } from "../transport/pacing.ts";
import { openRegistrySource, type RegistryImage } from "../transport/registry/open-registry-source.ts";
import type { RegistryHost } from "../transport/registry/registry-client.ts";
import type { EngineContext } from "./context.ts";
import { readHostCertificates } from "./host-certificates.ts";
import { withLookaside } from "./lookaside.ts";
import { readRegistriesConf } from "./registries-conf.ts";

interface OpenOptions {
  readonly signal?: AbortSignal;
}

/** A repository, and how this host speaks to it. */
export interface OpenedRegistry {
  readonly host: RegistryHost;
  readonly image: RegistryImage;
}

/**
 * An image in the registry its name says, by way of the mirrors and rewriting of `registries.conf`.
 * @throws {DiscoveryError} "discovery/blocked", "discovery/bad-config"
 */
export async function openRegistry(
  ctx: EngineContext,
  input: { readonly name: ImageName; readonly onAttempt?: OnAttempt },
  options: OpenOptions = {},
): Promise<ImageSource> {
  const sources: ImageSource[] = [];
  const places = resolveRegistry(readRegistriesConf(ctx), input.name);
  for (const place of places) {
    const { host, image } = await reachRegistry(ctx, place, options);
    sources.push(openRegistrySource(host, image));
  }
  const [only] = sources;
  const source =
    only !== undefined && sources.length === 1 && input.onAttempt === undefined
      ? only
      : openFirstAvailable(sources, input.onAttempt);
  return withLookaside(ctx, source, [input.name, ...places.map((place) => place.name)]);
}

/**
 * The registry a name says, for writing: settings of its table hold (blocked, insecure), mirrors and rewriting do not.
 * @throws {DiscoveryError} "discovery/blocked"
 */
export async function reachForWriting(
  ctx: EngineContext,
  name: ImageName,
  options: OpenOptions = {},
): Promise<OpenedRegistry> {
  const places = resolveRegistry(readRegistriesConf(ctx), name);
  return await reachRegistry(ctx, { name, insecure: places.at(-1)?.insecure ?? false }, options);
}

async function reachRegistry(
  ctx: EngineContext,
  { name, insecure }: Pick<RegistryPlace, "name" | "insecure">,
  options: OpenOptions,
): Promise<OpenedRegistry> {
  const http = httpFor(ctx, { host: name.host, insecure });
  const mayBePlain = insecure || ctx.options.insecureOptions.has("http");
  const plainHttp = mayBePlain && (await speaksNoTls(http, name.host, options));
  const image = { host: name.host, repository: name.path, reference: registryReference(name), plainHttp };
  return { image, host: { ...registryHostOf(ctx), http } };
}

/** The registry side of reading and writing: client parts shared by every repository. */
export function registryHostOf(ctx: EngineContext): RegistryHost {
  const { authFile } = ctx.options;
  const credentials = createCredentialSource(
    { openDirectory: openFiles, programs: ctx.programs },
    { env: ctx.env, ...(authFile === undefined ? {} : { authFile }) },
  );
  return { http: ctx.http(), credentials, pacing: createPacing(randomFraction) };
}

/** Whether a registry has to be spoken to over http: only when that was allowed, and only when it does not speak TLS. */
export async function isPlainHttp(ctx: EngineContext, host: string, options: OpenOptions = {}): Promise<boolean> {
  return ctx.options.insecureOptions.has("http") && (await speaksNoTls(ctx.http(), host, options));
}

async function speaksNoTls(http: HttpClient, host: string, options: OpenOptions): Promise<boolean> {
  try {
    const response = await http.send({ url: `https://${registryHost(host)}/v2/` }, options);
    await response.discard();
    return false;
  } catch (reason) {
    if (reason instanceof SysError) return true;
    throw reason;
  }
}

/** The shared client, unless settings or certificates are for this host alone. */
function httpFor(
  ctx: EngineContext,
  { host, insecure }: { readonly host: string; readonly insecure: boolean },
): HttpClient {
  const own = readHostCertificates(ctx, host);
  if (!insecure && own.caFiles.length === 0 && own.client === undefined) return ctx.http();
  return createHttpClient({
    caFiles: [...ctx.options.caFiles, ...own.caFiles],
    insecureTls: insecure || ctx.options.insecureOptions.has("tls"),
    allowHttp: insecure || ctx.options.insecureOptions.has("http"),
    userAgent: "gantry",
    ...(own.client === undefined ? {} : { clientCertificate: own.client }),
  });
}
