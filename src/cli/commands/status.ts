import type { PodStatus } from "../../engine/use-cases.ts";
import type { IdMapping } from "../../sys/linux/user-namespace.ts";
import { defineCommand } from "../command.ts";
import { usageError } from "../errors.ts";
import { parseDuration } from "../parse-duration.ts";

/** `status`: one pod in full, now or when it has got somewhere. */
export const status = defineCommand({
  isBrief: true,
  args: { pod: { help: "UUID, its beginning, or name" } },
  flags: {
    wait: {
      type: "string",
      bare: "0",
      placeholder: "DURATION",
      help: "Wait until the pod has exited, at most this long",
    },
    "wait-ready": {
      type: "string",
      bare: "0",
      placeholder: "DURATION",
      help: "Wait until the pod is up, at most this long",
    },
  },
  examples: ["status web", "status --wait=30s web", "status --wait-ready web --json"],

  async run({ args, flags, engine, out, signal }) {
    const ready = flags["wait-ready"];
    if (flags.wait !== undefined && ready !== undefined)
      throw usageError("Cannot wait for two things at once", "use one of --wait and --wait-ready");
    const text = flags.wait ?? ready;
    const timeoutMs = text === undefined ? 0 : parseDuration(text);
    const goal = ready === undefined ? ("exit" as const) : ("ready" as const);
    const wait = timeoutMs === 0 ? { for: goal } : { for: goal, timeoutMs };
    const calls = await engine();
    const pod = await calls.podStatus(text === undefined ? { pod: args.pod } : { pod: args.pod, wait }, { signal });
    out.result(pod, renderStatus);
    return undefined;
  },
});

/** `key=value` lines, as scripts of rkt's users read them. */
function renderStatus(pod: PodStatus): string {
  const lines: [string, string | number | undefined][] = [
    ["uuid", pod.uuid],
    ["name", pod.name],
    ["state", pod.state],
    ["stage1", pod.stage1],
    ["created", pod.createdAt],
    ["started", pod.startedAt],
    ["exited", pod.exitedAt],
    ["pid", pod.pid],
    ["paused", pod.paused === true ? "yes" : undefined],
    ["exit-code", pod.exitCode],
    ["hostname", pod.hostname],
    ...(pod.userns?.uidMappings ?? []).map((map) => renderMap("uid-map", map)),
    ...(pod.userns?.gidMappings ?? []).map((map) => renderMap("gid-map", map)),
    ...Object.entries(pod.labels).map(([key, value]): [string, string] => ["label", `${key}=${value}`]),
    ...pod.networks.map((net): [string, string] => [
      `net-${net.network}`,
      `${net.interface} ${net.addresses.join(" ")}`,
    ]),
    ...pod.ports.map((port): [string, string] => [
      "port",
      `${port.hostIp}:${port.hostPort}->${port.podPort}/${port.protocol}`,
    ]),
    ...pod.apps.flatMap((app): [string, string | number | undefined][] => [
      [
        `app-${app.name}`,
        app.exitCode === undefined
          ? app.state
          : `${app.state} ${app.exitCode}${app.oomKilled === true ? " (out of memory)" : ""}`,
      ],
      [`app-${app.name}-image`, `${app.image} ${app.imageDigest}`],
    ]),
    [
      "insecure-options",
      pod.insecureOptions.length === 0
        ? undefined
        : `${pod.insecureOptions.join(",")}  (WARNING: these checks were off)`,
    ],
  ];
  return lines.flatMap(([key, value]) => (value === undefined ? [] : [`${key}=${value}`])).join("\n");
}

function renderMap(key: string, { containerId, hostId, size }: IdMapping): [string, string] {
  return [key, `${containerId}:${hostId}:${size}`];
}
