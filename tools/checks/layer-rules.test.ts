import { expect, test } from "bun:test";
import { checkLayers } from "./layer-rules.ts";
import { sourceFile } from "./source-file.ts";

function texts(
  files: Record<string, string>,
  exceptions: { from: string; to: string; reason: string }[] = [],
): string[] {
  const sources = Object.entries(files).map(([path, text]) => sourceFile(path, text));
  return checkLayers(sources, exceptions).map((problem) => `${problem.path}:${problem.line} ${problem.text}`);
}

test("checkLayers() lets imports go down", () => {
  expect(texts({ "src/store/blob.ts": 'import { a } from "../image/digest.ts";\n' })).toEqual([]);
});

test("checkLayers() refuses store importing trust, with the line", () => {
  const found = texts({
    "src/store/blob.ts": 'import { a } from "../base/errors.ts";\nimport type { B } from "../trust/key.ts";\n',
  });
  expect(found).toEqual(["src/store/blob.ts:2 imports src/trust/key.ts: trust is above store"]);
});

test("checkLayers() sees multi-line, re-exporting and lazy imports", () => {
  const text =
    'import {\n  a,\n  b,\n} from "../pod/x.ts";\nexport { c } from "../engine/y.ts";\nconst d = await import("../cli/z.ts");\n';
  expect(texts({ "src/base/a.ts": text })).toHaveLength(3);
});

test("checkLayers() ignores imports in comments and strings of code", () => {
  expect(texts({ "src/base/a.ts": '// import { a } from "../pod/x.ts";\n/* import "../cli/x.ts" */\n' })).toEqual([]);
});

test("checkLayers() refuses unknown folders", () => {
  expect(texts({ "src/utils/a.ts": "" })[0]).toStartWith("src/utils/a.ts:1 lives in an unknown folder");
  expect(texts({ "src/a.ts": "" })).toHaveLength(1);
  expect(texts({ "src/main.ts": 'import "./cli/run.ts";' })).toEqual([]);
});

test("checkLayers() lets image take types from sys, but no values", () => {
  expect(texts({ "src/image/a.ts": 'import type { Files } from "../sys/host.ts";' })).toEqual([]);
  expect(texts({ "src/image/a.ts": 'import { open } from "../sys/linux/open.ts";' })).toHaveLength(1);
});

test("checkLayers() keeps regimes apart", () => {
  expect(texts({ "src/stage1/oci/a.ts": 'import { x } from "../systemd/unit.ts";' })).toHaveLength(1);
  expect(texts({ "src/stage1/oci/a.ts": 'import { x } from "../errors.ts";' })).toEqual([]);
});

test("checkLayers() keeps test code out of production, and frees tests from the order", () => {
  expect(texts({ "src/engine/a.ts": 'import { x } from "../testing/registry.ts";' })).toHaveLength(1);
  expect(texts({ "src/base/a.test.ts": 'import { x } from "../engine/a.ts";' })).toEqual([]);
});

test("checkLayers() tells each cycle once", () => {
  const found = texts({ "src/pod/a.ts": 'import "./b.ts";', "src/pod/b.ts": 'import "./a.ts";' });
  expect(found).toEqual(["src/pod/b.ts:1 closes a cycle: src/pod/a.ts → src/pod/b.ts → src/pod/a.ts"]);
});

test("checkLayers() honours an exception and refuses an unused one", () => {
  const files = { "src/base/a.ts": 'import "../sys/x.ts";' };
  expect(texts(files, [{ from: "src/base/a.ts", to: "src/sys/x.ts", reason: "#1" }])).toEqual([]);
  expect(texts({}, [{ from: "src/base/a.ts", to: "src/sys/x.ts", reason: "#1" }])[0]).toContain("unused exception");
});
