import { MAX_DOCUMENT_BYTES } from "../../image/decode-document.ts";
import { digestOf } from "../../image/digest.ts";
import { encodeTar } from "../../image/layer/encode-tar.ts";
import { parseConfig } from "../../image/parse-config.ts";
import { parseManifest } from "../../image/parse-manifest.ts";
import type { EngineContext } from "../context.ts";
import { findStage1, REGIMES, stage1Host } from "../regimes.ts";
import { listStage1, STAGE1_TRUST_NAME } from "../stage1-image.ts";
import type { DoctorCheck } from "../use-cases.ts";
import { failed, passed, type SectionOptions, warned } from "./section.ts";

/** Whether each regime can run here, and whether its stage1 is built and still is what a build from today's host programs would give. */
export async function checkStage1(ctx: EngineContext, options: SectionOptions): Promise<readonly DoctorCheck[]> {
  const checks: DoctorCheck[] = [];
  const [standard] = REGIMES;
  for (const { regime, state, host, fix, digest, needsImage } of await listStage1(ctx, {
    ...options,
    onlyLook: true,
  })) {
    const what = `regime ${regime}`;
    if (state === "ready") checks.push(passed(what, host));
    else {
      const judge = state === "unavailable" && regime === standard?.regime ? failed : warned;
      checks.push(judge(what, host, fix ?? "see gantry stage1 list"));
    }
    if (!needsImage || state === "unavailable") continue;
    const name = `stage1 ${regime}`;
    const build = `gantry stage1 build ${regime}`;
    if (digest === undefined) checks.push(warned(name, "not built yet; the first run builds it", build));
    else if (await isCurrent(ctx, regime, options)) checks.push(passed(name, "built from the host's present programs"));
    else checks.push(warned(name, "the host's programs or libraries have changed since it was built", build));
  }
  return checks;
}

// The same programs give the same layer, so building it again in memory and comparing says it all.
async function isCurrent(ctx: EngineContext, regime: string, options: SectionOptions): Promise<boolean> {
  const ref = ctx.images.getRef(`${STAGE1_TRUST_NAME}/${regime}:latest`);
  if (ref === undefined) return false;
  const manifest = parseManifest(ctx.images.readBlob(ref.descriptor, MAX_DOCUMENT_BYTES), ref.descriptor.mediaType);
  const config = parseConfig(ctx.images.readBlob(manifest.config, MAX_DOCUMENT_BYTES), manifest.config.mediaType);
  const builder = findStage1(regime).image;
  if (builder === undefined) return false;
  const layer = encodeTar(await builder.build(stage1Host(ctx, regime), options));
  return config.diffIds.length === 1 && config.diffIds[0] === digestOf(layer);
}
