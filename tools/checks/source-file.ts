import { Glob } from "bun";

/** A file as the checks see it. All three texts have the same length and line breaks, so offsets fit each other. */
export interface SourceFile {
  /** Relative to the repository, with "/". */
  readonly path: string;
  readonly text: string;
  /** `text` with comments blanked. */
  readonly code: string;
  /** `code` with the contents of strings, templates and regular expressions blanked too. */
  readonly bare: string;
}

/** One finding. */
export interface Problem {
  readonly path: string;
  readonly line: number;
  readonly text: string;
}

/** Makes a SourceFile; for tests and for `readSources`. */
export function sourceFile(path: string, text: string): SourceFile {
  return { path, text, ...blank(text) };
}

/** All TypeScript files beneath `folders`, by path. */
export async function readSources(root: string, folders: readonly string[]): Promise<SourceFile[]> {
  const found: SourceFile[] = [];
  for (const folder of folders) {
    for await (const path of new Glob(`${folder}/**/*.ts`).scan({ cwd: root })) {
      found.push(sourceFile(path, await Bun.file(`${root}/${path}`).text()));
    }
  }
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** 1-based line of an offset. */
export function lineOf(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf("\n"); at !== -1 && at < offset; at = text.indexOf("\n", at + 1)) line++;
  return line;
}

/** Whether the file is a test, or help for tests, and so free of the rules for production code. */
export function isTestCode(path: string): boolean {
  return (
    path.endsWith(".test.ts") ||
    path.endsWith(".suite.ts") ||
    path.startsWith("src/testing/") ||
    !path.startsWith("src/")
  );
}

const SPACE = /[^\n]/g;
const REGEX_MAY_FOLLOW = /(?:^|[=([{,;:!&|?+\-*%<>~^]|\breturn|\btypeof|\bcase|=>)\s*$/;
const TOKEN =
  /\/\/[^\n]*|\/\*[\s\S]*?\*\/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`|\/(?![/*])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*|[{}]/y;

/** A small scanner, exact enough for our own formatted code: comments, strings, nested templates, regular expressions. */
function blank(text: string): { code: string; bare: string } {
  let code = "";
  let bare = "";
  const templates: number[] = []; // depth of braces inside each open `${`
  const emit = (piece: string, asCode: string, asBare: string): number => {
    code += asCode;
    bare += asBare;
    return piece.length;
  };
  const template = (from: number): number => {
    const end = templateEnd(text, from);
    const piece = text.slice(from, end);
    if (piece.endsWith("${")) templates.push(0);
    return emit(piece, piece, piece.replace(SPACE, " "));
  };
  for (let at = 0; at < text.length; ) {
    TOKEN.lastIndex = at;
    const token = TOKEN.exec(text)?.[0];
    const depth = templates.at(-1);
    if (
      token === undefined ||
      (token.startsWith("/") && token[1] !== "/" && token[1] !== "*" && !REGEX_MAY_FOLLOW.test(code.slice(-40)))
    ) {
      at += emit("x", text[at] ?? "", text[at] ?? "");
    } else if (token === "`") {
      at += emit("`", "`", "`");
      at += template(at);
    } else if (token === "}" && depth === 0) {
      templates.pop();
      at += emit("}", "}", " ");
      at += template(at);
    } else if (token === "{" || token === "}") {
      if (depth !== undefined) templates[templates.length - 1] = depth + (token === "{" ? 1 : -1);
      at += emit(token, token, token);
    } else if (token.startsWith("//") || token.startsWith("/*")) {
      const spaces = token.replace(SPACE, " ");
      at += emit(token, spaces, spaces);
    } else {
      at += emit(token, token, `${token[0]}${token.slice(1, -1).replace(SPACE, " ")}${token.at(-1)}`);
    }
  }
  return { code, bare };
}

/** Offset just behind the template part that starts at `from`: behind its closing backquote or its next `${`. */
function templateEnd(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === "`") return at + 1;
    else if (text[at] === "$" && text[at + 1] === "{") return at + 2;
  }
  return text.length;
}
