import { isTestCode, lineOf, type Problem, type SourceFile } from "./source-file.ts";

interface Rule {
  /** Matched against code whose comments and string contents are blank. */
  readonly pattern: RegExp;
  readonly text: string;
  /** Files where the pattern is at home. */
  readonly allowed: (path: string) => boolean;
}

// src/main.ts is the composition root: the one file besides sys that touches the process it lives in.
const inSys = (path: string): boolean => path.startsWith("src/sys/") || path === "src/main.ts";
const nowhere = (): boolean => false;

const RULES: readonly Rule[] = [
  { pattern: /\bnew Error\(/g, text: "bare Error: use the folder's EngineError subclass", allowed: nowhere },
  {
    pattern: /\bprocess\.exit\(/g,
    text: "process.exit outside src/main.ts",
    allowed: (path) => path === "src/main.ts",
  },
  {
    pattern: /\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(/g,
    text: "time or chance outside sys: take a Clock",
    allowed: inSys,
  },
  {
    pattern: /\bBun\.(?:spawn|spawnSync|serve|connect|listen|write|file|\$)\b/g,
    text: "host access outside sys",
    allowed: inSys,
  },
  { pattern: /(?<![.\w])fetch\(/g, text: "fetch outside sys: take an HttpClient", allowed: inSys },
  {
    pattern: /\bexport\s+\*\s+from\b|\bexport\s+(?:type\s+)?\{[^}]*\}\s+from\b/g,
    text: "re-export: import from the file itself",
    allowed: nowhere,
  },
  { pattern: /\bimport\((?!\s*")/g, text: "computed import(): does not survive compilation", allowed: nowhere },
  { pattern: /\bas any\b|:\s*any\b|<any>/g, text: "any", allowed: nowhere },
];

const HOST_MODULES =
  /from "(bun:ffi|bun:sqlite|(?:node:)?(?:fs|fs\/promises|child_process|net|http|https|tls|dgram|http2))"/g;

/** Address syntax needs no socket. */
const PURE_IMPORT = /import \{(?:\s*(?:isIP|isIPv4|isIPv6|BlockList),?)+\s*\} $/;

/** What production code in src/ must not contain, wherever Biome has no rule for it. */
export function checkCode(files: readonly SourceFile[]): Problem[] {
  return files
    .filter((file) => !isTestCode(file.path))
    .flatMap((file) => [...forbidden(file), ...hostModules(file), ...swallowed(file)]);
}

function forbidden(file: SourceFile): Problem[] {
  return RULES.filter((rule) => !rule.allowed(file.path)).flatMap((rule) =>
    [...file.bare.matchAll(rule.pattern)].map((match) => problem(file, match.index, rule.text)),
  );
}

function hostModules(file: SourceFile): Problem[] {
  if (inSys(file.path)) return [];
  return [...file.code.matchAll(HOST_MODULES)]
    .filter((match) => !PURE_IMPORT.test(file.code.slice(0, match.index)))
    .map((match) => problem(file, match.index, `imports ${match[1]} outside sys: take a capability`));
}

/** A catch that binds nothing needs a comment that says why the reason may be ignored. */
function swallowed(file: SourceFile): Problem[] {
  return [...file.bare.matchAll(/\bcatch\s*\{/g)]
    .filter(
      (match) =>
        !/\/\/|\/\*/.test(
          file.text
            .slice(match.index, match.index + 200)
            .split("\n")
            .slice(0, 3)
            .join("\n"),
        ),
    )
    .map((match) => problem(file, match.index, "catch drops the reason without a comment saying why"));
}

function problem(file: SourceFile, offset: number, text: string): Problem {
  return { path: file.path, line: lineOf(file.text, offset), text };
}
