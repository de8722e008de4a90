import type { PodStatus } from "../../engine/use-cases.ts";
import { defineCommand } from "../command.ts";
import { formatTime } from "../format-values.ts";
import type { Output } from "../output.ts";

/** `list`: every pod of this root, whatever its state. */
export const list = defineCommand({
  args: {},
  flags: {
    full: { type: "boolean", help: "Whole UUIDs, one line per app" },
    state: { type: "strings", placeholder: "STATE", help: "Only pods in this state" },
  },
  examples: ["list", "list --state=running --json"],

  async run({ flags, engine, out, signal }) {
    const calls = await engine();
    const pods = await calls.listPods({ signal });
    const wanted = pods.filter((pod) => flags.state.length === 0 || flags.state.includes(pod.state));
    out.result(wanted, (some) => renderPods(out, some, flags.full));
    return undefined;
  },
});

function renderPods(out: Output, pods: readonly PodStatus[], full: boolean): string {
  const rows = pods.map((pod) => [
    full ? pod.uuid : pod.uuid.slice(0, 8),
    pod.name ?? "-",
    pod.apps.map((app) => (full ? `${app.name}=${app.image}` : app.name)).join(","),
    pod.state === "exited" && pod.exitCode !== undefined ? `exited (${pod.exitCode})` : pod.state,
    formatTime(pod.createdAt),
    formatTime(pod.startedAt),
    pod.networks
      .map((net) => `${net.network}:${net.addresses.map((address) => address.split("/")[0]).join("+")}`)
      .join(","),
  ]);
  return out.table(["UUID", "NAME", "APPS", "STATE", "CREATED", "STARTED", "NETWORKS"], rows);
}
