import { MAX_DOCUMENT_BYTES } from "../../image/decode-document.ts";
import { digestOf } from "../../image/digest.ts";
import { encodeTar } from "../../image/layer/encode-tar.ts";
import { parseConfig } from "../../image/parse-config.ts";
import { parseManifest } from "../../image/parse-manifest.ts";
import { collectStage1Tree } from "../../stage1/collect-tree.ts";
import type { EngineContext } from "../context.ts";
import { listStage1, STAGE1_TRUST_NAME } from "../stage1-image.ts";
import type { DoctorCheck } from "../use-cases.ts";
import { passed, type SectionOptions, warned } from "./section.ts";

/** Whether the stage1 is built and still is what a build from today's host programs would give. */
export async function checkStage1(ctx: EngineContext, options: SectionOptions): Promise<readonly DoctorCheck[]> {
  const checks: DoctorCheck[] = [];
  for (const { regime, digest } of listStage1(ctx)) {
    const name = `stage1 ${regime}`;
    const build = `gantry stage1 build ${regime}`;
    if (digest === undefined) checks.push(warned(name, "not built yet; the first run builds it", build));
    else if (await isCurrent(ctx, regime, options)) checks.push(passed(name, "built from the host's present systemd"));
    else checks.push(warned(name, "the host's systemd or its libraries have changed since it was built", build));
  }
  return checks;
}

// The same programs give the same layer, so building it again in memory and comparing says it all.
async function isCurrent(ctx: EngineContext, regime: string, options: SectionOptions): Promise<boolean> {
  const ref = ctx.images.getRef(`${STAGE1_TRUST_NAME}/${regime}:latest`);
  if (ref === undefined) return false;
  const manifest = parseManifest(ctx.images.readBlob(ref.descriptor, MAX_DOCUMENT_BYTES), ref.descriptor.mediaType);
  const config = parseConfig(ctx.images.readBlob(manifest.config, MAX_DOCUMENT_BYTES), manifest.config.mediaType);
  const layer = encodeTar(await collectStage1Tree({ host: ctx.host, programs: ctx.programs }, options));
  return config.diffIds.length === 1 && config.diffIds[0] === digestOf(layer);
}
