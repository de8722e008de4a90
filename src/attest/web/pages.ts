import { readRecord } from "../../audit/log/record.ts";
import type { Database } from "../../sys/sqlite.ts";
import { mentionsIn, textOf } from "../fleet/index-records.ts";
import { KeptLog } from "../fleet/kept-log.ts";
import { type FleetNode, listNodes } from "../fleet/nodes.ts";
import { type Alert, listAlerts, readVerdict } from "../fleet/verdicts.ts";
import type { Sighting } from "../fleet/where-ran.ts";
import type { NodeProblem } from "../problems.ts";
import { type Html, html } from "./html.ts";
import { renderPage, renderTable } from "./page.ts";

const EVENTS_PER_PAGE = 50;
const ALERTS_SHOWN = 20;

/** All nodes, and what happened last. */
export function nodesPage(database: Database): string {
  const rows = listNodes(database).map((node) => {
    const { state, problems, since, polledAt } = readVerdict(database, node);
    const { size } = new KeptLog(database, node.id).head();
    return [nodeLink(node.name), badge(state), problemList(problems), size, polledAt ?? "never", since];
  });
  const nodes = renderTable(
    ["Node", "State", "Problems", "Records", "Asked", "Since"],
    rows,
    "No node is enrolled: gantry attest enroll NAME URL",
  );
  const alerts = listAlerts(database, { limit: ALERTS_SHOWN }).map((alert) => [
    nodeLink(alert.name),
    ...alertCells(alert),
  ]);
  const history = renderTable(["Node", "When", "State", "Why"], alerts, "Nothing has changed yet.");
  return renderPage("Nodes", html`${nodes}<h2>Changes</h2>${history}`);
}

/** One node: what is known of it, and its events with a proof of each. */
export function nodePage(database: Database, node: FleetNode, before: number | undefined): string {
  const kept = new KeptLog(database, node.id);
  const { size } = kept.head();
  const end = Math.min(size, before ?? size);
  const start = Math.max(0, end - EVENTS_PER_PAGE);
  const events = [...kept.lines(start, end)].reverse().map(({ recnum, line }) => eventCells(node, recnum, line));
  const { state, problems, since, polledAt, okAt } = readVerdict(database, node);
  const facts = renderTable(
    ["", ""],
    [
      ["State", html`${badge(state)} since ${since}`],
      ["Problems", problemList(problems)],
      ["Asked, and last found good", `${polledAt ?? "never"}, ${okAt ?? "never"}`],
      ["Address", node.url],
      ["Log key", html`<code>${node.vkey}</code>`],
      ["Endorsement key", html`<code>${node.ekHash}</code> (${node.ekTrust})`],
      ["Attestation key", html`<code>${node.akName}</code>`],
      ["Enrolled", node.enrolledAt],
    ],
    "",
  );
  const alerts = listAlerts(database, { node: node.id, limit: ALERTS_SHOWN }).map(alertCells);
  const older = start > 0 ? html`<p><a href="?before=${start}">Older events</a></p>` : html``;
  return renderPage(
    node.name,
    html`${facts}<h2>Changes</h2>${renderTable(["When", "State", "Why"], alerts, "Nothing has changed yet.")}
<h2>Events ${start}–${Math.max(start, end - 1)} of ${size}</h2>${renderTable(["Record", "Time", "Event", "What", "Proof"], events, "No event yet.")}${older}`,
  );
}

/** Where a digest ran. */
export function searchPage(digest: string, found: readonly Sighting[]): string {
  const rows = found.map((one) => [
    one.retiredAt === undefined ? nodeLink(one.node) : html`${one.node} (until ${one.retiredAt})`,
    one.retiredAt === undefined ? proofLink(one.node, one.record) : one.record,
    one.time,
    one.event,
    one.ran ? html`<b>ran</b>` : "named",
    one.image,
    html`<code>${one.digest}</code>`,
  ]);
  const header = ["Node", "Record", "Time", "Event", "", "Image", "Digest"];
  return renderPage(`Where ${digest} ran`, renderTable(header, rows, "Nowhere, as far as the logs kept here go."));
}

/** A page with a sentence. */
export function messagePage(title: string, text: string): string {
  return renderPage(title, html`<p>${text}</p>`);
}

function eventCells(node: FleetNode, recnum: number, line: Uint8Array): (Html | string | number)[] {
  const record = readRecord(new TextDecoder().decode(line));
  const content = record?.content ?? { type: "unreadable" };
  const images =
    record === undefined
      ? []
      : mentionsIn(record).map(
          ({ name, digest }) =>
            html`${name} <a href="/search?digest=${encodeURIComponent(digest)}"><code>${digest.slice(0, 19)}</code></a> `,
        );
  const words = ["pod", "app", "stage1", "exitCode", "reason", "fingerprint"].flatMap((name) => {
    const value = content[name];
    return typeof value === "string" || typeof value === "number" ? [`${name} ${value}`] : [];
  });
  return [
    recnum,
    textOf(content["time"]) ?? "",
    content.type,
    html`${images}${words.join(", ")}`,
    proofLink(node.name, recnum),
  ];
}

function alertCells({ at, state, problems }: Alert): (Html | string)[] {
  return [at, badge(state), problemList(problems)];
}

function problemList(problems: readonly NodeProblem[]): Html {
  return html`${problems.map(({ kind, record, detail }) => html`<div><b>${kind}</b>${record === undefined ? "" : ` (record ${record})`}: ${detail}</div>`)}`;
}

function badge(state: string): Html {
  return html`<span class="${state}">${state}</span>`;
}

function nodeLink(name: string): Html {
  return html`<a href="/nodes/${encodeURIComponent(name)}">${name}</a>`;
}

function proofLink(name: string, record: number): Html {
  return html`<a href="/nodes/${encodeURIComponent(name)}/proofs/${record}.tlog-proof" download>${record}.tlog-proof</a>`;
}
