import { isTestCode, lineOf, type Problem, type SourceFile } from "./source-file.ts";

/** Folders of src/, lowest first. A folder may import those before it. `cli` and `cri` are equals. */
const ORDER = [
  "base",
  "sys",
  "image",
  "store",
  "trust",
  "discovery",
  "transport",
  "network",
  "audit",
  "attest",
  "pod",
  "stage1",
  "engine",
  "cli",
  "cri",
] as const;

/** Narrower than the order: neighbours that must not know each other, and why. */
const FORBIDDEN: readonly { from: string; to: string; why: string; typesAllowed: boolean }[] = [
  { from: "src/image/", to: "src/sys/", why: "image is pure, it may take only types from sys", typesAllowed: true },
  { from: "src/cri/", to: "src/cli/", why: "cli and cri are equals", typesAllowed: false },
  { from: "src/network/", to: "src/transport/", why: "pod networks know nothing of registries", typesAllowed: false },
  { from: "src/audit/", to: "src/network/", why: "events name no network", typesAllowed: false },
];

/** An import that may stay although it breaks a rule. The list may only shrink. */
export interface LayerException {
  readonly from: string;
  readonly to: string;
  readonly reason: string;
}

interface Import {
  readonly from: string;
  readonly to: string;
  readonly line: number;
  readonly typeOnly: boolean;
}

/** Applies the table: unknown folders, upward imports, sideways regimes, test code in production, cycles. */
export function checkLayers(files: readonly SourceFile[], exceptions: readonly LayerException[]): Problem[] {
  const imports = files.flatMap(importsOf);
  const used = new Set<LayerException>();
  const problems: Problem[] = unknownFolders(files);
  for (const one of imports) {
    const why = isTestCode(one.from) ? undefined : refusal(one);
    if (why === undefined) continue;
    const exception = exceptions.find((entry) => entry.from === one.from && entry.to === one.to);
    if (exception === undefined) problems.push({ path: one.from, line: one.line, text: `imports ${one.to}: ${why}` });
    else used.add(exception);
  }
  for (const entry of exceptions) {
    if (!used.has(entry)) {
      problems.push({
        path: "tools/layer-exceptions.json",
        line: 1,
        text: `unused exception ${entry.from} → ${entry.to}: remove it`,
      });
    }
  }
  return [...problems, ...cycles(imports)];
}

function unknownFolders(files: readonly SourceFile[]): Problem[] {
  const known = new Set<string>([...ORDER, "testing"]);
  return files.flatMap((file) => {
    const [top, folder, rest] = file.path.split("/");
    if (top !== "src" || file.path === "src/main.ts") return [];
    if (rest !== undefined && folder !== undefined && known.has(folder)) return [];
    return [{ path: file.path, line: 1, text: `lives in an unknown folder: use one of ${[...known].join(", ")}` }];
  });
}

/** Static, type-only, re-exporting and literal dynamic imports of our own files. */
function importsOf(file: SourceFile): Import[] {
  const pattern = /\b(import|export)\s+(type\s+)?(?:[\w*{}\s,$]*?\sfrom\s+)?"(\.[^"]+)"|\bimport\(\s*"(\.[^"]+)"\s*\)/g;
  return [...file.code.matchAll(pattern)].map((match) => ({
    from: file.path,
    to: resolvePath(file.path, match[3] ?? match[4] ?? ""),
    line: lineOf(file.code, match.index),
    typeOnly: match[2] !== undefined,
  }));
}

function resolvePath(from: string, relative: string): string {
  const parts = from.split("/").slice(0, -1);
  for (const part of relative.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== ".") parts.push(part);
  }
  return parts.join("/");
}

function refusal(one: Import): string | undefined {
  if (one.from === "src/main.ts") return one.to.startsWith("src/testing/") ? "test code in production" : undefined;
  if (!one.to.startsWith("src/")) return one.to === "package.json" ? undefined : "outside src/";
  if (isTestCode(one.to)) return "test code in production";
  const [fromFolder = "", fromPart = ""] = one.from.split("/").slice(1);
  const [toFolder = "", toPart = ""] = one.to.split("/").slice(1);
  const rule = FORBIDDEN.find((entry) => one.from.startsWith(entry.from) && one.to.startsWith(entry.to));
  if (rule !== undefined && !(rule.typesAllowed && one.typeOnly)) return rule.why;
  if (
    fromFolder === "stage1" &&
    toFolder === "stage1" &&
    isFolder(fromPart) &&
    isFolder(toPart) &&
    fromPart !== toPart
  ) {
    return "no regime may know another";
  }
  const order: readonly string[] = ORDER;
  if (order.indexOf(toFolder) > order.indexOf(fromFolder)) return `${toFolder} is above ${fromFolder}`;
  return undefined;
}

function isFolder(name: string): boolean {
  return !name.endsWith(".ts");
}

/** Depth-first search; each cycle is told once, at its first file. Type-only imports count: they tangle readers too. */
function cycles(imports: readonly Import[]): Problem[] {
  const next = Map.groupBy(imports, (one) => one.from);
  const state = new Map<string, "open" | "done">();
  const path: string[] = [];
  const problems: Problem[] = [];
  const visit = (file: string): void => {
    state.set(file, "open");
    path.push(file);
    for (const one of next.get(file) ?? []) {
      if (state.get(one.to) === "open") {
        const ring = [...path.slice(path.indexOf(one.to)), one.to].join(" → ");
        problems.push({ path: file, line: one.line, text: `closes a cycle: ${ring}` });
      } else if (!state.has(one.to)) visit(one.to);
    }
    path.pop();
    state.set(file, "done");
  };
  for (const file of next.keys()) if (!state.has(file)) visit(file);
  return problems;
}
