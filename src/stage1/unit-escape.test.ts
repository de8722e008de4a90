import { expect, test } from "bun:test";
import "../testing/to-throw-code.ts";
import { quoteUnitWord, unitPath } from "./unit-escape.ts";

test("quoteUnitWord() leaves nothing a unit file would read in its own way", () => {
  const cases = [
    ["plain", '"plain"'],
    ["", '""'],
    ["a b\tc", '"a b\\x09c"'],
    ['say "hi"', '"say \\"hi\\""'],
    ["back\\slash", '"back\\\\slash"'],
    ["100% %n", '"100%% %%n"'],
    ["two\nlines\rthree", '"two\\x0alines\\x0dthree"'],
    ["$HOME ${X} ; &", '"$HOME ${X} ; &"'], // ExecStart=: does not expand them
    ["ümläut 漢", '"ümläut 漢"'],
  ] as const;
  for (const [word, quoted] of cases) expect(quoteUnitWord(word)).toBe(quoted);
});

test("unitPath() survives backslashes and blanks at the end, and refuses what would begin a new line", () => {
  expect(unitPath("/srv/100%")).toBe("/srv/100%%/");
  expect(unitPath("/srv\\")).toBe("/srv\\/");
  expect(unitPath("/srv ")).toBe("/srv /");
  for (const bad of ["/a\nb", "/a\rb", "/a\0b", "/a\u007f"])
    expect(() => unitPath(bad)).toThrowCode("stage1/start-failed");
});
