// Which folder may import which: see tools/checks/layer-rules.ts for the table.
import { checkLayers } from "./checks/layer-rules.ts";
import { reportProblems } from "./checks/report-problems.ts";
import { readSources } from "./checks/source-file.ts";
import list from "./layer-exceptions.json" with { type: "json" };

const files = await readSources(new URL("..", import.meta.url).pathname, ["src"]);
const problems = checkLayers(files, list.exceptions);
if (list.exceptions.length > list.limit) {
  problems.push({
    path: "tools/layer-exceptions.json",
    line: 1,
    text: `more than ${list.limit} exceptions: the list may only shrink`,
  });
}
reportProblems("layers", problems, `${files.length} files, ${list.exceptions.length} exceptions`);
