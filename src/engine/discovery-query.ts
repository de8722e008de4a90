import type { DiscoveryQuery } from "../discovery/discover-name.ts";
import { type ImageName, repositoryOf } from "../image/image-name.ts";
import { hostPlatform } from "../image/platform.ts";
import type { EngineContext } from "./context.ts";

/** What discovery asks for a name: its own labels first, this host's platform otherwise. http only when it was allowed. */
export function discoveryQuery(ctx: Pick<EngineContext, "options">, name: ImageName): DiscoveryQuery {
  const { os, architecture } = hostPlatform(process.arch);
  return {
    name: repositoryOf(name),
    os: name.labels["os"] ?? os,
    arch: name.labels["arch"] ?? architecture,
    labels: name.labels,
    allowHttp: ctx.options.insecureOptions.has("http"),
    ...(name.tag === undefined ? {} : { version: name.tag }),
  };
}
