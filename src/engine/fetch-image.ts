import { MAX_DOCUMENT_BYTES } from "../image/decode-document.ts";
import { parseManifest } from "../image/parse-manifest.ts";
import { hostPlatform, parsePlatform } from "../image/platform.ts";
import { TrustError } from "../trust/errors.ts";
import type { VerificationRecord } from "../trust/records.ts";
import type { EngineContext } from "./context.ts";
import { ensureLayers } from "./ensure-layers.ts";
import { type LocatedImage, locateImage } from "./locate-image.ts";
import { type FetchInput, packedSize, type ReadyImage, readStoredConfig } from "./ready-image.ts";
import { recheckImage } from "./recheck-image.ts";
import { parseUserImage } from "./registries-conf.ts";
import { reportRefusal } from "./verify-remote.ts";

interface FetchOptions {
  readonly signal?: AbortSignal;
}

/**
 * Makes an image ready to run: found, verified, downloaded, unpacked. What is in the store is not fetched again (unless
 * the policy says "update"), but it is held against today's keys and policy all the same.
 * @throws {TrustError} any refusal; {TransportError}, {ImageError}, {StoreError}
 */
export async function fetchImage(
  ctx: EngineContext,
  input: FetchInput,
  options: FetchOptions = {},
): Promise<ReadyImage> {
  const platform = input.platform === undefined ? hostPlatform(process.arch) : parsePlatform(input.platform);
  const located = locateImage(ctx, parseUserImage(ctx, input.image), { platform, pullPolicy: input.pullPolicy });
  const { argument: _source, ...offline } = located;
  const usable = input.pullPolicy === "never" ? offline : located;
  const stored = located.stored === undefined ? undefined : await useStored(ctx, usable, options);
  if (stored !== undefined) return stored;
  if (located.argument === undefined)
    throw new TrustError("trust/no-record", `Cannot use image "${input.image}": never verified`, {
      hint: "fetch it by its name: gantry fetch NAME",
    });
  const { fetchRemote } = await import("./fetch-remote.ts");
  return await fetchRemote(
    ctx,
    {
      name: located.name,
      trustName: located.trustName,
      argument: located.argument,
      platform,
      input,
      fetchOther: (other) => fetchImage(ctx, other, options),
    },
    options,
  );
}

// undefined: the stored copy has no standing today, but asking its source again may give it one (a signature added since).
async function useStored(
  ctx: EngineContext,
  located: LocatedImage,
  options: FetchOptions,
): Promise<ReadyImage | undefined> {
  const { stored, name, trustName } = located;
  if (stored === undefined) return undefined;
  const raw = ctx.images.readBlob(stored, MAX_DOCUMENT_BYTES);
  const manifest = parseManifest(raw, stored.mediaType);
  const config = readStoredConfig(ctx, manifest);
  let record: VerificationRecord;
  try {
    record = await recheckImage(ctx, { trustName, name, manifest });
  } catch (reason) {
    if (!(reason instanceof TrustError) || located.argument === undefined || !RETRIABLE.has(reason.code))
      throw reportRefusal(ctx, { name, digest: stored.digest }, reason);
    return undefined;
  }
  const layers = await ensureLayers(ctx, { manifest, config }, options);
  return { name, trustName, manifest, config, layers, record, isCached: true, sizeBytes: packedSize(manifest) };
}

/** Refusals that new signatures at the source could lift. */
const RETRIABLE: ReadonlySet<string> = new Set([
  "trust/no-record",
  "trust/unsigned",
  "trust/unknown-key",
  "trust/wrong-prefix",
]);
