import { expect, test } from "bun:test";
import { parseJunit } from "./junit.ts";

test("parseJunit() tells passed, failed and skipped apart and decodes names", () => {
  const xml = `<testsuites><testsuite name="a"><testcase name="a() &lt;x&gt; &quot;y&quot;" classname="a" time="0" file="src/a.test.ts" />
    <testcase name="b" file="src/a.test.ts"><failure type="AssertionError" /></testcase>
    <testcase name="c" file="src/a.test.ts"><skipped /></testcase></testsuite></testsuites>`;
  expect(parseJunit(xml)).toEqual([
    { file: "src/a.test.ts", name: 'a() <x> "y"', state: "passed" },
    { file: "src/a.test.ts", name: "b", state: "failed" },
    { file: "src/a.test.ts", name: "c", state: "skipped" },
  ]);
});
