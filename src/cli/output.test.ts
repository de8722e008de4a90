import { expect, test } from "bun:test";
import { Output } from "./output.ts";

function capture(json: boolean) {
  const written: string[] = [];
  const stream = {
    isTerminal: false,
    columns: 80,
    write: (content: string | Uint8Array) => void written.push(String(content)),
  };
  return {
    out: new Output({ stdout: stream, stderr: stream }, { json, legend: true, quiet: false, color: true }),
    written,
  };
}

test("Output.result() prints the value itself as JSON", () => {
  const { out, written } = capture(true);
  out.result({ a: 1 }, () => "text");
  expect(JSON.parse(written.join(""))).toEqual({ a: 1 });
});

test("Output.table() aligns columns and shows control characters instead of sending them", () => {
  const { out } = capture(false);
  expect(
    out.table(
      ["NAME", "X"],
      [
        ["long name", "\u001b[31m"],
        ["", "b"],
      ],
    ),
  ).toBe("NAME       X\nlong name  \\u001b[31m\n-          b");
});
