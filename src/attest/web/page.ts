import { createHash } from "node:crypto";
import { Html, html } from "./html.ts";

const STYLE = `
:root { color-scheme: light dark; --line: #8884; --bad: #c22; --good: #282; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 0 auto; max-width: 72rem; padding: 1rem; }
header { display: flex; gap: 1rem; align-items: baseline; flex-wrap: wrap; border-bottom: 1px solid var(--line); padding-bottom: .5rem; }
header a { font-weight: 600; text-decoration: none; color: inherit; }
form { margin-left: auto; }
input { font: inherit; min-width: 22rem; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1.5rem; }
th, td { text-align: left; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td { overflow-wrap: anywhere; }
code { font-size: .9em; }
.failing { color: var(--bad); font-weight: 600; }
.ok { color: var(--good); }
`;

// The part that changes is fetched again and put in the place of the old one; nothing is ever made into markup here.
const SCRIPT = `
setInterval(async () => {
  try {
    const answer = await fetch(location.href);
    if (!answer.ok) return;
    const next = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
    const now = document.querySelector("main");
    if (next && now && !document.getSelection().toString()) now.replaceWith(document.adoptNode(next));
  } catch {}
}, 10000);
`;

const hashOf = (text: string): string => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

/** What every answer carries: nothing of others is loaded, nothing but our own style and script is used. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy": `default-src 'none'; style-src ${hashOf(STYLE)}; script-src ${hashOf(SCRIPT)}; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`,
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cache-control": "no-store",
};

/** A whole page. */
export function renderPage(title: string, body: Html): string {
  const page = html`<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${title}</title><style>${new Html(STYLE)}</style></head><body>
<header><a href="/">Gantry fleet</a>
<form action="/search"><input name="digest" placeholder="Where did this digest run? sha256:…" aria-label="digest"> <button>Search</button></form></header>
<main><h1>${title}</h1>${body}</main>
<script>${new Html(SCRIPT)}</script></body></html>
`;
  return `<!doctype html>\n${page.text}`;
}

/** A table; `empty` stands there when it has no rows. */
export function renderTable(
  header: readonly string[],
  rows: readonly (readonly (Html | string | number)[])[],
  empty: string,
): Html {
  if (rows.length === 0) return html`<p>${empty}</p>`;
  const head = header.map((text) => html`<th>${text}</th>`);
  const lines = rows.map((row) => html`<tr>${row.map((cell) => html`<td>${cell}</td>`)}</tr>\n`);
  return html`<table><thead><tr>${head}</tr></thead><tbody>${lines}</tbody></table>`;
}
