import type { ImageManifest } from "../image/image-config.ts";
import { parseImageName } from "../image/image-name.ts";
import { recheck } from "../trust/recheck.ts";
import type { VerificationRecord } from "../trust/records.ts";
import { dependenciesOf } from "./aci-dependencies.ts";
import type { EngineContext } from "./context.ts";
import { dockerIdentity } from "./image-identity.ts";
import { reportExceptions } from "./report-acceptance.ts";
import { trustConfig } from "./trust-layers.ts";

/** Holds an image, under its full `name`, against today's keys and policy. Reports what exceptions let it pass. @throws {TrustError} */
export async function recheckImage(
  ctx: EngineContext,
  {
    trustName,
    manifest,
    name,
  }: { readonly trustName: string; readonly manifest: ImageManifest; readonly name?: string },
): Promise<VerificationRecord> {
  const host = { ...trustConfig(ctx), clock: ctx.clock, store: ctx.root };
  const insecure = ctx.options.insecureOptions.has("image");
  // The files of an App Container Image are also those of its dependencies: each has to be trusted, by its own name.
  for (const one of dependenciesOf(manifest))
    await recheck(host, { name: one.name, manifestDigest: one.digest, insecure });
  const record = await recheck(host, {
    name: trustName,
    manifestDigest: manifest.digest,
    ...(name === undefined ? {} : { docker: dockerIdentity(parseImageName(name)).docker ?? name }),
    insecure,
    readManifest: () => manifest.raw,
  });
  reportExceptions(ctx, { name: trustName, record });
  return record;
}
