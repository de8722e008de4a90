import { manifestOfLabels } from "../image/aci/config.ts";
import { findValue } from "../image/aci/name-values.ts";
import type { Platform } from "../image/descriptor.ts";
import { ImageError } from "../image/errors.ts";
import { formatPlatform, matchPlatform } from "../image/platform.ts";
import type { PodManifest } from "../pod/manifest.ts";
import type { AppOption } from "../pod/options.ts";
import { assertAciMatches } from "./name-aci.ts";
import type { ReadyImage } from "./ready-image.ts";

/**
 * Asserts that an App Container Image can be an app: it says for which system it was made, that is this one, and it is
 * the image a pod manifest means. Other images are not looked at.
 * @throws {ImageError} "image/no-platform", "image/name-mismatch"
 */
export function assertAppImage(
  ready: ReadyImage,
  { app, platform }: { readonly app: AppOption; readonly platform: Platform },
): void {
  const manifest = manifestOfLabels(ready.config.labels);
  if (manifest === undefined) return;
  const missing = ["os", "arch"].filter((name) => findValue(manifest.labels, name) === undefined);
  if (missing.length > 0) throw noPlatform(ready, `its manifest has no label ${missing.join(" and no label ")}`);
  if (matchPlatform(platform, ready.config.platform) === undefined)
    throw noPlatform(ready, `it is for ${formatPlatform(ready.config.platform)}, not for ${formatPlatform(platform)}`);
  const { expectedAci } = app;
  if (expectedAci === undefined) return;
  assertAciMatches(manifest, { name: expectedAci.name ?? manifest.name, labels: expectedAci.labels });
}

/** Regimes whose init runs event handlers. */
const RUNS_HANDLERS: ReadonlySet<string> = new Set(["systemd", "kvm"]);

/** One line for every wish of an appc image or pod manifest that is not fulfilled as it was asked for. */
export function describeUnfulfilled(manifest: PodManifest, images: readonly ReadyImage[]): string[] {
  return [...describeIsolators(manifest), ...describeHandlers(manifest), ...images.flatMap(describeRest)];
}

function describeHandlers({ apps, stage1 }: PodManifest): string[] {
  if (RUNS_HANDLERS.has(stage1.regime)) return [];
  return apps.flatMap(({ name, preStart, postStop }) => {
    const missing = [
      ...(preStart === undefined ? [] : ["pre-start"]),
      ...(postStop === undefined ? [] : ["post-stop"]),
    ];
    return missing.map(
      (handler) => `event handler ${handler} of app ${name} is ignored: regime ${stage1.regime} runs none`,
    );
  });
}

function describeRest({ name, config }: ReadyImage): string[] {
  const manifest = manifestOfLabels(config.labels);
  const activated = manifest?.app?.ports.filter((port) => port.socketActivated).map((port) => port.name) ?? [];
  const notifies = findValue(manifest?.annotations ?? [], "appc.io/executor/supports-systemd-notify") === "true";
  return [
    ...(activated.length === 0 ? [] : [`socket activation of ${activated.join(", ")} of image ${name} is ignored`]),
    ...(notifies ? [`image ${name} would say when it is ready: that is ignored`] : []),
  ];
}

function describeIsolators(manifest: PodManifest): string[] {
  return manifest.apps.flatMap((app) =>
    (app.isolators ?? []).flatMap(({ name, outcome, detail }) =>
      outcome === "enforced"
        ? []
        : [`isolator ${name} of app ${app.name} is ${outcome}: ${detail ?? "see the documentation"}`],
    ),
  );
}

function noPlatform(ready: ReadyImage, state: string): ImageError {
  return new ImageError("image/no-platform", `Cannot run image ${ready.name}: ${state}`, {
    hint: "ask the publisher for an image for this system, with the labels os and arch",
  });
}
