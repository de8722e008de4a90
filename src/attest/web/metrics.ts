import type { Database } from "../../sys/sqlite.ts";
import { countDeliveries } from "../fleet/deliveries.ts";
import { KeptLog } from "../fleet/kept-log.ts";
import { listNodes } from "../fleet/nodes.ts";
import { readVerdict } from "../fleet/verdicts.ts";

interface Metric {
  readonly name: string;
  readonly type: "gauge" | "counter";
  readonly help: string;
  readonly samples: readonly (readonly [labels: Readonly<Record<string, string>>, value: number])[];
}

/** How the fleet stands, for Prometheus. Spec: Prometheus text exposition format 0.0.4. */
export function formatMetrics(database: Database): string {
  const nodes = listNodes(database).map((node) => ({
    labels: { node: node.name },
    size: new KeptLog(database, node.id).head().size,
    verdict: readVerdict(database, node),
  }));
  const each = (value: (node: (typeof nodes)[number]) => number) =>
    nodes.map((node) => [node.labels, value(node)] as const);
  const seconds = (time: string | undefined): number => (time === undefined ? 0 : Date.parse(time) / 1000);
  const problems = nodes.flatMap(({ labels, verdict }) =>
    [...new Set(verdict.problems.map(({ kind }) => kind))].map((kind) => [{ ...labels, kind }, 1] as const),
  );
  const deliveries = countDeliveries(database);
  const metrics: readonly Metric[] = [
    { name: "gantry_attest_nodes", type: "gauge", help: "Enrolled nodes.", samples: [[{}, nodes.length]] },
    {
      name: "gantry_attest_node_ok",
      type: "gauge",
      help: "1 while nothing is wrong with the node.",
      samples: each(({ verdict }) => (verdict.state === "ok" ? 1 : 0)),
    },
    {
      name: "gantry_attest_node_problem",
      type: "gauge",
      help: "1 for each kind of problem a node has now.",
      samples: problems,
    },
    {
      name: "gantry_attest_log_records",
      type: "gauge",
      help: "Records of the node's log that are verified and kept.",
      samples: each(({ size }) => size),
    },
    {
      name: "gantry_attest_last_poll_timestamp_seconds",
      type: "gauge",
      help: "When the node was asked last.",
      samples: each(({ verdict }) => seconds(verdict.polledAt)),
    },
    {
      name: "gantry_attest_last_ok_timestamp_seconds",
      type: "gauge",
      help: "When nothing was wrong last.",
      samples: each(({ verdict }) => seconds(verdict.okAt)),
    },
    {
      name: "gantry_attest_poll_duration_seconds",
      type: "gauge",
      help: "How long the last poll took.",
      samples: each(({ verdict }) => verdict.pollMs / 1000),
    },
    {
      name: "gantry_attest_polls_total",
      type: "counter",
      help: "Polls.",
      samples: each(({ verdict }) => verdict.polls),
    },
    {
      name: "gantry_attest_failed_polls_total",
      type: "counter",
      help: "Polls that found something wrong.",
      samples: each(({ verdict }) => verdict.failedPolls),
    },
    {
      name: "gantry_attest_webhooks",
      type: "gauge",
      help: "Webhook messages by what became of them.",
      samples: ["due", "done", "given-up"].map((state) => [{ state }, deliveries.get(state) ?? 0]),
    },
  ];
  return metrics.map(formatMetric).join("");
}

function formatMetric({ name, type, help, samples }: Metric): string {
  const lines = samples.map(([labels, value]) => {
    const pairs = Object.entries(labels).map(
      ([label, text]) => `${label}="${text.replace(/[\\"\n]/g, (char) => (char === "\n" ? "\\n" : `\\${char}`))}"`,
    );
    return `${name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${value}\n`;
  });
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join("")}`;
}
