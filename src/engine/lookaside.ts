import type { Digest } from "../image/digest.ts";
import type { ImageName } from "../image/image-name.ts";
import { createHttpClient } from "../sys/http.ts";
import { openFiles } from "../sys/linux/files.ts";
import type { FoundSignature, ImageSource } from "../transport/image-source.ts";
import { type LookasidePlace, lookasidePlace } from "../transport/lookaside/lookaside-place.ts";
import { type LookasideConfig, parseRegistriesD } from "../transport/lookaside/parse-registries-d.ts";
import { readLookaside } from "../transport/lookaside/read-lookaside.ts";
import { scopesOf } from "../trust/containers/find-requirements.ts";
import type { EngineContext } from "./context.ts";
import { dockerIdentity } from "./image-identity.ts";
import { registriesDir } from "./trust-layers.ts";

const MAX_FILE_BYTES = 1024 * 1024;

/**
 * The same source, with the GPG simple signatures that are kept beside its registry. Looked for under every name the image
 * has: its own, and those that mirrors and rewriting give it.
 */
export function withLookaside(ctx: EngineContext, source: ImageSource, names: readonly ImageName[]): ImageSource {
  const findBeside = async (digest: Digest, options: { readonly signal?: AbortSignal }) => {
    const places = lookasidePlaces(ctx, { names, digest, write: false });
    const found = await Promise.all(places.map((place) => readLookaside(lookasideHost(ctx), place, options)));
    return found.flat();
  };
  return {
    get place() {
      return source.place;
    },
    resolve: (options) => source.resolve(options),
    readDocument: (...input) => source.readDocument(...input),
    openBlob: (...input) => source.openBlob(...input),
    async findSignatures(digest, options = {}): Promise<readonly FoundSignature[]> {
      const [inside, beside] = await Promise.all([source.findSignatures(digest, options), findBeside(digest, options)]);
      return [...inside, ...beside];
    },
    [Symbol.asyncDispose]: () => source[Symbol.asyncDispose](),
  };
}

/** Places for the signatures of a manifest, each once. @throws {TransportError} "transport/bad-lookaside" */
export function lookasidePlaces(
  ctx: EngineContext,
  query: { readonly names: readonly ImageName[]; readonly digest: Digest; readonly write: boolean },
): readonly LookasidePlace[] {
  const config = readLookasideConfig(ctx);
  const places = query.names.map((name) =>
    lookasidePlace(config, {
      scopes: scopesOf(dockerIdentity(name)),
      repository: name.path,
      digest: query.digest,
      write: query.write,
    }),
  );
  return [...new Map(places.map((place) => [JSON.stringify(place), place])).values()];
}

function readLookasideConfig(ctx: EngineContext): LookasideConfig {
  const directory = openFiles(registriesDir(ctx));
  const names = directory.list("").filter((name) => name.endsWith(".yaml"));
  return parseRegistriesD(
    names
      .filter((name) => directory.statFollowing(name)?.kind === "file")
      .map((name) => ({ path: directory.path(name), text: directory.readText(name, MAX_FILE_BYTES) })),
  );
}

/** Plain http is fine here: whoever configured it chose it, and a signature proves itself. */
function lookasideHost(ctx: EngineContext) {
  const http = createHttpClient({
    caFiles: [...ctx.options.caFiles],
    insecureTls: ctx.options.insecureOptions.has("tls"),
    allowHttp: true,
    userAgent: "gantry",
  });
  return { http, openDirectory: openFiles };
}
