import { expect, test } from "bun:test";
import "../../../testing/to-throw-code.ts";
import { parseHook } from "./load-hooks.ts";

const hook = (more: object = {}) => ({
  version: "1.0.0",
  hook: { path: "/bin/true", args: ["true", "x"], env: ["A=1"], timeout: 3 },
  when: { always: true },
  stages: ["poststop", "prestart"],
  ...more,
});
const parse = (document: object) => parseHook({ path: "/h.json", text: JSON.stringify(document) });
const subject = { annotations: { "com.example/gpu": "two" }, command: "/usr/bin/app", hasBindMounts: false };

test("parseHook() gives the program and its stages in the order they happen", () => {
  const { program, stages } = parse(hook());
  expect(program).toEqual({ path: "/bin/true", args: ["true", "x"], env: ["A=1"], timeout: 3 });
  expect(stages).toEqual(["prestart", "poststop"]);
});

test.each([
  [{ always: true }, true],
  [{ always: false }, false],
  [{ commands: ["^/usr/bin/", "other"] }, true],
  [{ commands: ["^app$"] }, false],
  [{ annotations: { "^com\\.example/.*$": "^two$" } }, true],
  [{ annotations: { "^com\\.example/.*$": "^one$" } }, false],
  [{ hasBindMounts: true }, false],
  [{ always: true, hasBindMounts: true }, false],
])("parseHook() knows whom it is for: %j", (when, isFor) => {
  expect(parse(hook({ when })).isFor(subject)).toBe(isFor);
});

test.each([
  ["an old version", { version: "0.1.0" }],
  ["a program without path", { hook: { path: "true" } }],
  ["an unknown stage", { stages: ["sometimes"] }],
  ["no stage", { stages: [] }],
  ["no condition", { when: {} }],
  ["an unknown condition", { when: { maybe: true } }],
  ["no regular expression", { when: { commands: ["("] } }],
  ["no time", { hook: { path: "/bin/true", timeout: 0 } }],
])("parseHook() refuses %s", (_, more) => {
  expect(() => parse(hook(more))).toThrowCode("stage1/bad-hook");
});
