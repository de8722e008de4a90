import { lineOf, type Problem, type SourceFile } from "./source-file.ts";

const EXPORT =
  /^export (?:declare )?(?:abstract )?(?:async )?(function\*?|class|const|let|interface|type|namespace) (\w+)/gm;

/** Every exported declaration in src/ has a doc comment right above it; overloads share the first one's. */
export function checkDocComments(files: readonly SourceFile[]): Problem[] {
  return files.filter((file) => file.path.startsWith("src/") && !file.path.endsWith(".test.ts")).flatMap(undocumented);
}

function undocumented(file: SourceFile): Problem[] {
  const problems: Problem[] = [];
  const seen = new Set<string>();
  for (const match of file.code.matchAll(EXPORT)) {
    const name = match[2] ?? "";
    const above = file.text.slice(0, match.index).trimEnd();
    const isOverload = match[1] === "function" && seen.has(name);
    // Constants in a row, without a blank line between them, share the comment above the first.
    const isInRow = match[1] === "const" && /(?:^|\n)export const [^\n]*;\n$/.test(file.code.slice(0, match.index));
    seen.add(name);
    if (
      isOverload ||
      isInRow ||
      (above.endsWith("*/") && above.lastIndexOf("/**") > above.lastIndexOf("*/", above.length - 3))
    )
      continue;
    problems.push({ path: file.path, line: lineOf(file.text, match.index), text: `export ${name} has no doc comment` });
  }
  return problems;
}

/** Each dependency has its line in docs/dependencies.md, and nothing else is listed there: "- `name`: …". */
export function checkDependencyLines(text: string, wanted: readonly string[]): Problem[] {
  const path = "docs/dependencies.md";
  const listed = new Map(
    [...text.matchAll(/^- `([^`]+)`/gm)].map((match) => [match[1] ?? "", lineOf(text, match.index)]),
  );
  const missing = wanted.filter((name) => !listed.has(name));
  const extra = [...listed].filter(([name]) => !wanted.includes(name));
  return [
    ...missing.map((name) => ({
      path,
      line: 1,
      text: `has no line for ${name}: say what it replaces and why this one`,
    })),
    ...extra.map(([name, line]) => ({ path, line, text: `lists ${name}, which is no dependency` })),
  ];
}

/**
 * Each row of the interoperability tables ends with the tests that prove it: "`test/x.test.ts`: name" for one test, or
 * test files and patterns, separated by commas. Files and names must exist, and there must be rows at all.
 */
export function checkInteroperability(text: string, tests: ReadonlyMap<string, string>): Problem[] {
  const path = "docs/interoperability.md";
  const rows = [...text.matchAll(/^\| (?!with \|)(.*) \|$/gm)];
  if (rows.length === 0) return [{ path, line: 1, text: "has no rows" }];
  return rows.flatMap((row) => {
    const proof = row[1]?.split(" | ").at(-1) ?? "";
    return proofProblems(proof, tests).map((problem) => ({ path, line: lineOf(text, row.index), text: problem }));
  });
}

function proofProblems(proof: string, tests: ReadonlyMap<string, string>): string[] {
  const [, only, name] = /^`([^`]+)`: (.+)$/.exec(proof) ?? [];
  if (only !== undefined && name !== undefined)
    return tests.get(only)?.includes(`"${name}"`) === true ? [] : [`${only} has no test "${name}"`];
  const patterns = [...proof.matchAll(/`([^`]+\.test\.ts)`/g)].map((match) => match[1] ?? "");
  if (patterns.length === 0) return [`"${proof}" names no test`];
  const isThere = (pattern: string) => [...tests.keys()].some((file) => new Bun.Glob(pattern).match(file));
  return patterns.filter((pattern) => !isThere(pattern)).map((pattern) => `${pattern} does not exist`);
}
