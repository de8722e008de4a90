// Doc comments, dependency lines and the rules of style that neither the compiler nor Biome knows.
import packageJson from "../package.json" with { type: "json" };
import { checkCode } from "./checks/code-rules.ts";
import { checkDependencyLines, checkDocComments, checkInteroperability } from "./checks/doc-rules.ts";
import { checkErrors, parseExitCodes } from "./checks/error-rules.ts";
import { reportProblems } from "./checks/report-problems.ts";
import { readSources } from "./checks/source-file.ts";
import debian from "./debian-packages.json" with { type: "json" };

const root = new URL("..", import.meta.url).pathname;

async function textOf(path: string): Promise<string> {
  const file = Bun.file(`${root}${path}`);
  return (await file.exists()) ? file.text() : "";
}

const files = await readSources(root, ["src"]);
const tests = new Map((await readSources(root, ["src", "test"])).map(({ path, text }) => [path, text]));
const dependencies = [packageJson.dependencies, packageJson.devDependencies, ...Object.values(debian)].flatMap(
  Object.keys,
);
const problems = [
  ...checkDocComments(files),
  ...checkCode(files),
  ...checkErrors(files, parseExitCodes(await textOf("src/cli/exit-code.ts"))),
  ...checkInteroperability(await textOf("docs/interoperability.md"), tests),
  ...checkDependencyLines(await textOf("docs/dependencies.md"), dependencies),
];
reportProblems("docs", problems, `${files.length} files, ${dependencies.length} dependencies`);
