import { expect, test } from "bun:test";
import { checkCode } from "./code-rules.ts";
import { checkDependencyLines, checkDocComments, checkInteroperability } from "./doc-rules.ts";
import { checkErrors, parseExitCodes } from "./error-rules.ts";
import { sourceFile } from "./source-file.ts";

const code = (text: string, path = "src/pod/a.ts"): string[] =>
  checkCode([sourceFile(path, text)]).map((one) => one.text);

test("sourceFile() keeps offsets while blanking comments, strings, templates and regular expressions", () => {
  const text = 'const a = `x ${f("}")} // y`; // c\nconst r = /["`]/.test(b) / 2; /* d */ const s = "new Error(";\n';
  const file = sourceFile("src/a.ts", text);
  expect(file.bare).toHaveLength(text.length);
  expect(file.code).toContain("// y`;");
  expect(file.code).not.toContain("// c");
  expect(file.bare).not.toContain("new Error");
  expect(file.bare).toContain("const s =");
});

test("checkCode() refuses host access, time and bare errors outside sys", () => {
  expect(code('throw new Error("x");')).toHaveLength(1);
  expect(code("const t = Date.now();")).toHaveLength(1);
  expect(code('import { readFileSync } from "node:fs";')).toHaveLength(1);
  expect(code('import { readFileSync } from "node:fs";', "src/sys/linux/a.ts")).toEqual([]);
  expect(code("const b = await fetch(url);")).toHaveLength(1);
  expect(code("const b = await engine.fetch(url);")).toEqual([]);
  expect(code("const m = await import(name);")).toHaveLength(1);
  expect(code('const m = await import("./a.ts");')).toEqual([]);
});

test("checkCode() wants a reason for a catch that binds nothing", () => {
  expect(code("try { a(); } catch { b(); }")).toHaveLength(1);
  expect(code("try { a(); } catch {\n  // gone already\n}")).toEqual([]);
});

test("checkDocComments() wants a doc comment on each export", () => {
  const found = checkDocComments([
    sourceFile("src/a/b.ts", "/** A. */\nexport const a = 1;\n\nexport function b(): void {}\n"),
  ]);
  expect(found.map((one) => one.line)).toEqual([4]);
});

test("checkErrors() checks the grammar and asks for hints", () => {
  const exits = parseExitCodes('"pod/bad": 2,\n"pod/gone": 3,');
  const texts = (text: string): string[] =>
    checkErrors([sourceFile("src/pod/a.ts", text)], exits).map((one) => one.text);
  expect(texts('throw new PodError("pod/gone", "Pod is gone.");')).toHaveLength(2);
  expect(texts('throw new PodError("pod/bad", `Cannot read "${x}"`);')).toEqual([
    "pod/bad ends with exit code 2 but gives no hint",
  ]);
  expect(texts('throw new PodError("pod/bad", `Cannot read "${x}"`, {\n  hint: "x",\n});')).toEqual([]);
});

test("checkDependencyLines() wants one line per dependency", () => {
  expect(
    checkDependencyLines("- `a`: x\n- `c`: y\n", ["a", "b"]).map((one) => one.text.split(" ").at(-1)),
  ).toHaveLength(2);
});

test("checkInteroperability() wants every row to name a test that exists", () => {
  const head = "| with | direction | what | proved by |\n|---|---|---|---|\n";
  const tests = new Map([["test/a.test.ts", 'test("it works", …']]);
  const check = (proof: string) => checkInteroperability(`${head}| x | \`y\` | z | ${proof} |\n`, tests).length;
  expect(check("`test/a.test.ts`: it works")).toBe(0);
  expect(check("`test/a.test.ts`, `test/*.test.ts`")).toBe(0);
  expect(check("`test/a.test.ts`: it fails")).toBe(1);
  expect(check("`test/b.test.ts`: it works")).toBe(1);
  expect(check("`test/a.test.ts`, `src/*.test.ts`")).toBe(1);
  expect(check("trust us")).toBe(1);
  expect(checkInteroperability(head, tests)).toHaveLength(1);
});
