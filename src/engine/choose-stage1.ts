import { parseImageName, repositoryOf } from "../image/image-name.ts";
import { chooseStage1, STAGE1_WISH } from "../pod/choose-stage1.ts";
import { joinStage1Policies, parseStage1Policy, STAGE1_POLICY_FILE, type Stage1Policy } from "../pod/stage1-policy.ts";
import { Stage1Error } from "../stage1/errors.ts";
import type { EngineContext } from "./context.ts";
import type { ReadyImage } from "./ready-image.ts";
import { isStage1Image } from "./regimes.ts";

/** What the configuration says about regimes, all layers joined. @throws {PodError} "pod/bad-option" */
export function readStage1Policy(ctx: Pick<EngineContext, "config">): Stage1Policy {
  return joinStage1Policies(
    ctx.config
      .filter((layer) => layer.has(STAGE1_POLICY_FILE))
      .map((layer) => parseStage1Policy(layer.readText(STAGE1_POLICY_FILE), layer.path(STAGE1_POLICY_FILE))),
  );
}

/**
 * The regime, or the stage1 image, that a pod of these images is to run in.
 * @throws {Stage1Error} "stage1/forbidden" with the rule that forbids it
 */
export function choosePodStage1(
  ctx: EngineContext,
  { asked, images }: { readonly asked: string | undefined; readonly images: readonly ReadyImage[] },
): string {
  const decision = chooseStage1({
    ...(asked === undefined ? {} : { asked: ruleName(asked) }),
    images: images.map(({ trustName, manifest, config }) => {
      const wish = manifest.annotations[STAGE1_WISH] ?? config.labels[STAGE1_WISH];
      return { name: trustName, ...(wish === undefined ? {} : { wish }) };
    }),
    policy: readStage1Policy(ctx),
  });
  if (decision.kind === "use") return asked ?? decision.regime;
  throw new Stage1Error("stage1/forbidden", `Cannot run in stage1 "${decision.regime}": ${decision.because}`, {
    hint: "choose one that is allowed: gantry run --stage1=REGIME; see gantry stage1 list",
  });
}

/** Rules name a stage1 image without its tag. */
function ruleName(asked: string): string {
  return isStage1Image(asked) ? repositoryOf(parseImageName(asked)) : asked;
}
