import { expect } from "bun:test";
import type { Exception } from "./behaviour.ts";

const SEVERAL_APPS = "several apps share network and host name, not files; the first failure ends the pod";

/** Every cell of the table that is not a plain yes. */
export const EXCEPTIONS: readonly Exception[] = [
  {
    regime: "gvisor",
    behaviour: SEVERAL_APPS,
    cell: "refused",
    reason: "Each app has a kernel of its own, so a pod has one app. Several are refused before anything starts.",
    check: async ({ runTwo }) => {
      const ran = await runTwo("true", "true");
      expect([ran.exitCode, ran.stdout]).toEqual([254, ""]);
      expect(ran.stderr).toContain("gvisor gives each a kernel of its own\nhint: run one app per pod");
    },
  },
  {
    regime: "gvisor",
    behaviour: "a limit of processes holds",
    cell: "not held, said at the start",
    reason:
      "The app's processes are the sandbox's own affair; the host counts threads of its kernel instead. Run says that the limit does not hold.",
    check: async ({ argv, world }) => {
      const script = "i=0; while [ $i -lt 20 ]; do sleep 0 & i=$((i+1)); done; wait; echo all";
      const ran = await world.gantry(argv(script, ["--pids-limit=5"]).filter((word) => word !== "-q"));
      expect([ran.exitCode, ran.stdout]).toEqual([0, "all\n"]);
      expect(ran.stderr).toContain('no process limit for app "app"');
    },
  },
  {
    regime: "fly",
    behaviour: SEVERAL_APPS,
    cell: "refused",
    reason: "A pod of the fly regime is one process tree of the host. Several apps are refused before anything starts.",
    check: async ({ runTwo }) => {
      const ran = await runTwo("true", "true");
      expect([ran.exitCode, ran.stdout]).toEqual([254, ""]);
      expect(ran.stderr).toContain("the fly regime runs exactly one app\nhint: give each app a pod of its own");
    },
  },
  {
    regime: "fly",
    behaviour: "the host name is the pod's",
    cell: "the host's",
    reason: "Apps have the host's own name, and /etc/hosts has the one that was asked for.",
    check: async ({ inMain }) => {
      const host = Bun.spawnSync(["hostname"]).stdout.toString();
      expect((await inMain("hostname; grep -c box /etc/hosts")).stdout).toMatch(
        new RegExp(`^${host.trim()}\n[1-9]\n$`),
      );
    },
  },
];
