import { EngineError, formatReason } from "../base/errors.ts";
import { type DiscoveredEndpoint, discoverName } from "../discovery/discover-name.ts";
import { resolveRegistry } from "../discovery/resolve-registry.ts";
import { formatImageName, type ImageName } from "../image/image-name.ts";
import { formatPlatform, hostPlatform, parsePlatform } from "../image/platform.ts";
import { parseImageArgument } from "../image/reference.ts";
import { choosePlatformManifest } from "../transport/choose-platform-manifest.ts";
import type { EngineContext } from "./context.ts";
import { discoveryQuery } from "./discovery-query.ts";
import type { Discovered, DiscoverInput } from "./engine-calls.ts";
import { UseCaseError } from "./errors.ts";
import { openRegistry } from "./open-registry.ts";
import { parseUserImage, readRegistriesConf } from "./registries-conf.ts";

interface DiscoverOptions {
  readonly signal?: AbortSignal;
}

/**
 * `discover`: where a name leads, and how that was found out: discovery, the tables of `registries.conf`, the mirrors and
 * registries asked, the platform chosen. Downloads descriptions only. A name nobody announces anything for leads to its own
 * registry; that nobody answers there is a result, too.
 * @throws {UseCaseError} "engine/bad-input" for an argument that is no name; {ImageError}; {DiscoveryError}
 */
export async function discover(
  ctx: EngineContext,
  input: DiscoverInput,
  options: DiscoverOptions = {},
): Promise<Discovered> {
  const argument = parseUserImage(ctx, input.name);
  if (argument.kind !== "name" && argument.kind !== "docker") {
    throw new UseCaseError("engine/bad-input", `Cannot discover "${input.name}": it says itself where the image is`, {
      hint: "pass a name, as example.com/app:1.2",
    });
  }
  const { name } = argument;
  const isSettled = argument.kind === "docker" || name.digest !== undefined || name.host === "docker.io";
  const found = isSettled
    ? { steps: [], endpoints: [], pubkeys: [] }
    : await discoverName({ http: ctx.http() }, discoveryQuery(ctx, name), options);
  const endpoints = found.endpoints.length === 0 ? [ownRegistry(name)] : found.endpoints.map(describe);
  const { registries, resolved } = await askRegistries(ctx, { target: registryOf(endpoints), input }, options);
  return {
    name: formatImageName(name),
    steps: found.steps.map(({ url, outcome }) => ({ url, outcome })),
    endpoints,
    pubkeys: found.pubkeys,
    registries,
    ...(resolved === undefined ? {} : { resolved }),
  };
}

function registryOf(endpoints: Discovered["endpoints"]): ImageName | undefined {
  const [first] = endpoints;
  const argument = first?.kind === "registry" ? parseImageArgument(first.image) : undefined;
  return argument?.kind === "docker" ? argument.name : undefined;
}

async function askRegistries(
  ctx: EngineContext,
  { target, input }: { readonly target: ImageName | undefined; readonly input: DiscoverInput },
  options: DiscoverOptions,
): Promise<Pick<Discovered, "registries" | "resolved">> {
  if (target === undefined) return { registries: [] };
  const outcomes: string[] = [];
  const resolved = await resolveImage(ctx, { name: target, input, outcomes }, options);
  const places = resolveRegistry(readRegistriesConf(ctx), target);
  return {
    registries: places.map(({ role, name, insecure, setting }, i) => ({
      role,
      image: `docker://${formatImageName(name)}`,
      insecure,
      outcome: outcomes[i] ?? "not asked",
      ...(setting === undefined ? {} : { prefix: setting.prefix, file: setting.file }),
    })),
    ...(resolved === undefined ? {} : { resolved }),
  };
}

async function resolveImage(
  ctx: EngineContext,
  { name, input, outcomes }: { readonly name: ImageName; readonly input: DiscoverInput; readonly outcomes: string[] },
  options: DiscoverOptions,
): Promise<Discovered["resolved"]> {
  const platform = input.platform === undefined ? hostPlatform(process.arch) : parsePlatform(input.platform);
  await using source = await openRegistry(ctx, { name, onAttempt: (_, outcome) => outcomes.push(outcome) }, options);
  let at: string | undefined;
  try {
    const top = await source.resolve(options);
    at = top.digest;
    const manifest = await choosePlatformManifest(source, { descriptor: top, platform }, options);
    const isIndex = manifest.digest !== top.digest;
    return {
      from: source.place,
      digest: manifest.digest,
      mediaType: manifest.mediaType,
      platform: formatPlatform(platform),
      ...(isIndex ? { indexDigest: top.digest } : {}),
    };
  } catch (reason) {
    if (options.signal?.aborted === true || !(reason instanceof EngineError)) throw reason;
    // What each place answered is in `outcomes`; only what follows after that is news.
    if (at === undefined) return undefined;
    return { from: source.place, digest: at, platform: formatPlatform(platform), problem: formatReason(reason) };
  }
}

function describe(endpoint: DiscoveredEndpoint): Discovered["endpoints"][number] {
  if (endpoint.kind === "registry") return { kind: "registry", image: endpoint.argument };
  return { kind: "archive", image: endpoint.url, signature: endpoint.signatureUrl };
}

function ownRegistry(name: ImageName): Discovered["endpoints"][number] {
  const tag = name.tag ?? (name.digest === undefined ? "latest" : undefined);
  return {
    kind: "registry",
    image: `docker://${formatImageName({ ...name, labels: {}, ...(tag === undefined ? {} : { tag }) })}`,
  };
}
