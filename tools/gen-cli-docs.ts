// Writes docs/cli/*.md from the command table; with --check says what would change and exits 1.
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import type { CommandEntry } from "../src/cli/command.ts";
import { formatCommandHelp, formatGroupHelp, formatOverview } from "../src/cli/format-help.ts";
import { TABLE } from "../src/cli/table.ts";

const DIR = new URL("../docs/cli/", import.meta.url).pathname;
const MARK = "<!-- Made by tools/gen-cli-docs.ts from the command table: change that. -->";

async function makePages(): Promise<Map<string, string>> {
  const pages = new Map([["README.md", page("gantry", formatOverview(TABLE), links(TABLE))]]);
  const visit = async (path: string, entry: CommandEntry): Promise<void> => {
    const subcommands = entry.subcommands ?? [];
    const text =
      entry.load === undefined ? formatGroupHelp(path, entry) : formatCommandHelp(path, entry, await entry.load());
    pages.set(fileOf(path), page(`gantry ${path}`, text, links(subcommands, `${path} `)));
    for (const sub of subcommands) await visit(`${path} ${sub.name}`, sub);
  };
  for (const entry of TABLE) if (entry.hidden !== true) await visit(entry.name, entry);
  return pages;
}

function page(title: string, help: string, more: string): string {
  return `${MARK}\n# ${title}\n\n\`\`\`text\n${help}\n\`\`\`\n${more}`;
}

function links(table: readonly CommandEntry[], above = ""): string {
  const shown = table.filter((entry) => entry.hidden !== true);
  const lines = shown.map(
    (entry) => `- [\`gantry ${above}${entry.name}\`](${fileOf(above + entry.name)}): ${entry.summary}\n`,
  );
  return lines.length === 0 ? "" : `\n${lines.join("")}`;
}

function fileOf(path: string): string {
  return `${path.replaceAll(" ", "-")}.md`;
}

await mkdir(DIR, { recursive: true });
const pages = await makePages();
const stale: string[] = [];
for (const name of await readdir(DIR)) if (!pages.has(name)) stale.push(name);
const changed: string[] = [];
for (const [name, text] of pages) {
  const old = await readFile(DIR + name, "utf8").catch(() => ""); // missing is the same as different
  if (old !== text) changed.push(name);
}
if (process.argv.includes("--check")) {
  for (const name of [...changed, ...stale])
    console.error(`docs/cli/${name} is out of date: run tools/gen-cli-docs.ts`);
  process.exit(changed.length + stale.length === 0 ? 0 : 1);
}
for (const name of stale) await rm(DIR + name);
for (const name of changed) await writeFile(DIR + name, pages.get(name) ?? "");
