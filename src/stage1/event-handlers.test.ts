import { describe, expect, test } from "bun:test";
import type { ResolvedApp } from "../pod/resolved-app.ts";
import { withEventHandlers } from "./event-handlers.ts";

const UNIT = `[Unit]
Requires=gantry-pod.target
After=gantry-pod.target
Conflicts=shutdown.target
Before=shutdown.target

[Service]
Type=simple
ExecStart=:"/bin/app"
ExecStopPost=+/usr/lib/gantry/exited my-app
User=1000
Group=1000
SupplementaryGroups=7
StandardInput=tty-force
TTYPath=/dev/console
CapabilityBoundingSet=CAP_KILL
`;

const resolved = (handlers: Partial<ResolvedApp>) => ({ app: { name: "my-app" }, ...handlers }) as ResolvedApp;

describe("withEventHandlers()", () => {
  test("leaves an app without handlers as it is", () => {
    expect([...withEventHandlers(resolved({}), UNIT)]).toEqual([["app-my-app.service", UNIT]]);
  });

  test("orders pre-start before the app, as root and as confined as the app", () => {
    const units = withEventHandlers(resolved({ preStart: ["/bin/prepare", "$HOME %n"] }), UNIT);
    const app = units.get("app-my-app.service") ?? "";
    expect(app).toContain("Requires=gantry-pod.target handler-my-app-pre-start.service\n");
    expect(app).toContain("After=gantry-pod.target handler-my-app-pre-start.service\n");
    const handler = units.get("handler-my-app-pre-start.service") ?? "";
    for (const line of ["Type=oneshot", "User=0", "Group=0", "StandardInput=null", "CapabilityBoundingSet=CAP_KILL"])
      expect(handler).toContain(`${line}\n`);
    expect(handler).toContain("ExecStopPost=+/usr/lib/gantry/exited my-app pre-start\n");
    expect(handler).not.toContain("TTYPath");
    expect(handler).toContain("%%n");
  });

  test("post-stop needs nothing that is being stopped", () => {
    const units = withEventHandlers(resolved({ postStop: ["/bin/tidy"] }), UNIT);
    expect(units.get("app-my-app.service")).toContain(
      "ExecStopPost=+/usr/lib/gantry/exited my-app post-stop handler-my-app-post-stop.service\n",
    );
    const handler = units.get("handler-my-app-post-stop.service") ?? "";
    expect(handler).not.toMatch(/^(Requires|After|Conflicts|Before|ExecStopPost)=/m);
    expect(handler).toContain("Slice=-.slice\n");
    expect(units.has("opt-stage2-my\\x2dapp-rootfs.mount.d/late.conf")).toBe(true);
  });
});
