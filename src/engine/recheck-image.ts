import type { ImageManifest } from "../image/image-config.ts";
import { recheck } from "../trust/recheck.ts";
import type { VerificationRecord } from "../trust/records.ts";
import { dependenciesOf } from "./aci-dependencies.ts";
import type { EngineContext } from "./context.ts";
import { reportExceptions } from "./report-acceptance.ts";
import { trustConfig } from "./trust-layers.ts";

/** Holds an image against today's keys and policy. Reports what exceptions let it pass. @throws {TrustError} */
export async function recheckImage(
  ctx: EngineContext,
  { trustName, manifest }: { readonly trustName: string; readonly manifest: ImageManifest },
): Promise<VerificationRecord> {
  const host = { ...trustConfig(ctx), clock: ctx.clock, store: ctx.root };
  const insecure = ctx.options.insecureOptions.has("image");
  // The files of an App Container Image are also those of its dependencies: each has to be trusted, by its own name.
  for (const one of dependenciesOf(manifest))
    await recheck(host, { name: one.name, manifestDigest: one.digest, insecure });
  const record = await recheck(host, {
    name: trustName,
    manifestDigest: manifest.digest,
    insecure,
    readManifest: () => manifest.raw,
  });
  reportExceptions(ctx, { name: trustName, record });
  return record;
}
