import { type DiscoveredEndpoint, discoverName } from "../discovery/discover-name.ts";
import { formatImageName, type ImageName } from "../image/image-name.ts";
import { parseImageArgument } from "../image/reference.ts";
import type { EngineContext } from "./context.ts";
import { discoveryQuery } from "./discovery-query.ts";
import type { Discovered } from "./engine-calls.ts";
import { UseCaseError } from "./errors.ts";

/**
 * `discover`: where a name leads for this host's platform, and how that was found out. Downloads no image. A name
 * nobody announces anything for leads to its own registry.
 * @throws {UseCaseError} "engine/bad-input" for an argument that is no name; {ImageError}; {DiscoveryError}
 */
export async function discover(
  ctx: EngineContext,
  input: { readonly name: string },
  options: { readonly signal?: AbortSignal } = {},
): Promise<Discovered> {
  const argument = parseImageArgument(input.name);
  if (argument.kind !== "name") {
    throw new UseCaseError("engine/bad-input", `Cannot discover "${input.name}": it says itself where the image is`, {
      hint: "pass a name, as example.com/app:1.2",
    });
  }
  const { name } = argument;
  const query = discoveryQuery(ctx, name);
  const found = await discoverName({ http: ctx.http() }, query, options);
  const endpoints = found.endpoints.length === 0 ? [ownRegistry(name)] : found.endpoints.map(describe);
  return {
    name: formatImageName(name),
    steps: found.steps.map(({ url, outcome }) => ({ url, outcome })),
    endpoints,
    pubkeys: found.pubkeys,
  };
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
