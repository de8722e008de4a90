import type { ResolvedApp } from "../pod/resolved-app.ts";
import { quoteUnitWord } from "./unit-escape.ts";

/** Name of the unit that runs before an app starts, or after it has ended. */
export function handlerUnitName(app: string, handler: "pre-start" | "post-stop"): string {
  return `handler-${app}-${handler}.service`;
}

/**
 * The units of an app and its event handlers, by file name. A handler's unit is the app's with another program: the same
 * root, environment, output and confinement, as root. The app starts after its pre-start handler has succeeded; a
 * pre-start that fails is the app's failure. The script that notes an app's end runs post-stop before it ends the pod.
 * Spec: appc 0.8.11, aci.md "eventHandlers".
 */
export function withEventHandlers(resolved: ResolvedApp, unit: string): Map<string, string> {
  const { name } = resolved.app;
  const { preStart, postStop } = resolved;
  const units = new Map<string, string>();
  let appUnit = unit;
  if (preStart !== undefined) {
    const before = handlerUnitName(name, "pre-start");
    const handler = asHandler(unit, preStart).replace(
      /^ExecStopPost=.*$/m,
      `ExecStopPost=+/usr/lib/gantry/exited ${name} pre-start`,
    );
    units.set(before, handler);
    appUnit = appUnit.replace(/^(Requires|After)=gantry-pod\.target/gm, `$1=gantry-pod.target ${before}`);
  }
  if (postStop !== undefined) {
    const after = handlerUnitName(name, "post-stop");
    // Nothing that is being stopped may be needed here: it runs while the pod ends.
    const handler = asHandler(unit, postStop)
      .replace(/^ExecStopPost=.*\n/m, "")
      .replace(/^(Requires|After|Conflicts|Before)=.*\n/gm, "")
      .replace(/^Type=oneshot$/m, "Type=oneshot\nSlice=-.slice");
    units.set(after, handler);
    // The handler needs the app's root to the last; a pod that ends would wait for its unmounting first.
    units.set(`opt-stage2-${name.replaceAll("-", "\\x2d")}-rootfs.mount.d/late.conf`, LATE_MOUNT);
    appUnit = appUnit.replace(/^(ExecStopPost=.*)$/m, `$1 post-stop ${after}`);
  }
  return units.set(`app-${name}.service`, appUnit);
}

const LATE_MOUNT = "[Unit]\nDefaultDependencies=no\n";

function asHandler(unit: string, argv: readonly string[]): string {
  return unit
    .replace(/^Type=.*$/m, "Type=oneshot")
    .replace(/^ExecStart=.*$/m, () => `ExecStart=:${argv.map(quoteUnitWord).join(" ")}`)
    .replace(/^StandardInput=.*$/m, "StandardInput=null")
    .replace(/^TTYPath=.*\n/m, "")
    .replace(/^ExecStartPost=.*\n/m, "")
    .replace(/^User=.*$/m, "User=0")
    .replace(/^Group=.*$/m, "Group=0")
    .replace(/^SupplementaryGroups=.*$/m, "SupplementaryGroups=");
}
