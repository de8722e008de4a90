import type { ImageManifest } from "../image/image-config.ts";
import { recheck } from "../trust/recheck.ts";
import type { VerificationRecord } from "../trust/records.ts";
import type { EngineContext } from "./context.ts";
import { reportExceptions } from "./report-acceptance.ts";
import { trustConfig } from "./trust-layers.ts";

/** Holds an image against today's keys and policy. Reports what exceptions let it pass. @throws {TrustError} */
export async function recheckImage(
  ctx: EngineContext,
  { trustName, manifest }: { readonly trustName: string; readonly manifest: ImageManifest },
): Promise<VerificationRecord> {
  const record = await recheck(
    { ...trustConfig(ctx), clock: ctx.clock, store: ctx.root },
    {
      name: trustName,
      manifestDigest: manifest.digest,
      insecure: ctx.options.insecureOptions.has("image"),
      readManifest: () => manifest.raw,
    },
  );
  reportExceptions(ctx, { name: trustName, record });
  return record;
}
