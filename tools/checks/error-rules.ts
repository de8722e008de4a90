import { isTestCode, lineOf, type Problem, type SourceFile } from "./source-file.ts";

const RAISED = /\bnew \w+Error(?:<[^>]*>)?\(\s*"([a-z0-9]+\/[a-z0-9-]+)",\s*(?:"|`)/g;

/** Exit codes whose errors must tell the next step: usage, refused, host lacks something. */
const NEED_HINT: readonly number[] = [2, 4, 7];

/** Codes and their exit codes, as written in src/cli/exit-code.ts (`"folder/reason": 4,`). */
export function parseExitCodes(text: string): ReadonlyMap<string, number> {
  return new Map(
    [...text.matchAll(/"([a-z0-9]+\/[a-z0-9-]+)":\s*(\d+)/g)].map((match) => [match[1] ?? "", Number(match[2])]),
  );
}

/** Errors raised with a literal code: message grammar, and a hint where the exit code asks for one. */
export function checkErrors(files: readonly SourceFile[], exitCodes: ReadonlyMap<string, number>): Problem[] {
  return files.filter((file) => !isTestCode(file.path)).flatMap((file) => raisedIn(file, exitCodes));
}

function raisedIn(file: SourceFile, exitCodes: ReadonlyMap<string, number>): Problem[] {
  const problems: Problem[] = [];
  for (const match of file.code.matchAll(RAISED)) {
    const say = (text: string): number =>
      problems.push({ path: file.path, line: lineOf(file.text, match.index), text });
    const code = match[1] ?? "";
    const messageAt = match.index + match[0].length;
    const callEnd = closingParenthesis(file.bare, match.index + match[0].indexOf("("));
    const message = literal(file.code, messageAt);
    if (!message.startsWith("Cannot ")) say(`message of ${code} does not start with "Cannot "`);
    if (message.endsWith(".")) say(`message of ${code} ends with a period`);
    if (/\w(?:n't|'re|'ll|'ve)\b/.test(message)) say(`message of ${code} has a contraction`);
    const exit = exitCodes.get(code);
    if (exit === undefined || !NEED_HINT.includes(exit)) continue;
    // Details that come from elsewhere (a variable, a spread) are the reviewer's.
    const rest = file.bare.slice(messageAt + message.length + 1, callEnd);
    if (!/\bhint\b|\.\.\.|^\s*,\s*\w+/.test(rest)) say(`${code} ends with exit code ${exit} but gives no hint`);
  }
  return problems;
}

/** Text of the literal from its first character up to its closing quote. */
function literal(code: string, from: number): string {
  const quote = code[from - 1] ?? '"';
  let at = from;
  while (at < code.length && code[at] !== quote) at += code[at] === "\\" ? 2 : 1;
  return code.slice(from, at);
}

function closingParenthesis(bare: string, open: number): number {
  let depth = 0;
  for (let at = open; at < bare.length; at++) {
    if (bare[at] === "(") depth++;
    if (bare[at] === ")" && --depth === 0) return at;
  }
  return bare.length;
}
