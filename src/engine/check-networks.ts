import { EngineError } from "../base/errors.ts";
import { listAttachments } from "../network/attach-all.ts";
import { checkNetwork } from "../network/check.ts";
import { checkNetworks as surveyNetworks } from "../network/survey.ts";
import type { PodLocation } from "../pod/pod-store.ts";
import type { EngineContext } from "./context.ts";
import type { NetworkCheck } from "./engine-calls.ts";
import { loadAllNetworks } from "./load-pod-networks.ts";
import { pluginHost } from "./plugin-host.ts";

interface CheckOptions {
  readonly signal?: AbortSignal;
}

/**
 * `net check`: asks every network whether it can be joined, and every network of a running pod whether the attachment
 * still is as it was made. Changes nothing.
 */
export async function checkNetworks(ctx: EngineContext, options: CheckOptions = {}): Promise<readonly NetworkCheck[]> {
  const health = await surveyNetworks(pluginHost(ctx, ctx.run), loadAllNetworks(ctx), options);
  const networks = health.map(
    ({ name, state, detail, fix }): NetworkCheck => ({
      name,
      state: state === "fail" ? "fail" : "ok",
      detail: fix === undefined ? detail : `${detail}: ${fix}`,
    }),
  );
  const pods = ctx.pods.list().filter((pod) => ctx.pods.state(pod) === "running");
  const attachments: NetworkCheck[] = [];
  for (const pod of pods) attachments.push(...(await checkPod(ctx, pod, options)));
  return [...networks, ...attachments];
}

async function checkPod(ctx: EngineContext, pod: PodLocation, options: CheckOptions): Promise<NetworkCheck[]> {
  const host = pluginHost(ctx, ctx.pods.files(pod));
  const checks: NetworkCheck[] = [];
  for (const { network, ifName } of listAttachments(host)) {
    const name = `${network} (${ifName} of pod ${pod.id.slice(0, 8)})`;
    try {
      const outcome = await checkNetwork(host, ifName, options);
      const detail =
        outcome === "ok" ? "the attachment is as it was made" : `the attachment cannot be checked: ${outcome}`;
      checks.push({ name, state: "ok", detail });
    } catch (reason) {
      if (!(reason instanceof EngineError)) throw reason;
      checks.push({ name, state: "fail", detail: reason.message });
    }
  }
  return checks;
}
