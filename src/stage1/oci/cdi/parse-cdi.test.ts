import { expect, test } from "bun:test";
import "../../../testing/to-throw-code.ts";
import { parseCdi } from "./parse-cdi.ts";

const spec = (more: object = {}) => ({
  cdiVersion: "0.6.0",
  kind: "example.com/card",
  devices: [{ name: "one", containerEdits: { deviceNodes: [{ path: "/dev/card1" }] } }],
  ...more,
});

test("parseCdi() reads JSON and YAML alike", () => {
  const yaml = `
cdiVersion: "0.6.0"
kind: example.com/card
devices:
  - name: "one"
    containerEdits:
      deviceNodes:
        - path: /dev/card1
`;
  const read = parseCdi({ path: "/a.yaml", text: yaml });
  expect(read.devices).toEqual(parseCdi({ path: "/a.json", text: JSON.stringify(spec()) }).devices);
  expect(read.devices.get("one")?.deviceNodes).toEqual([{ path: "/dev/card1" }]);
});

test.each([
  ["no document", "[]"],
  ["no kind", JSON.stringify(spec({ kind: "card" }))],
  ["a version to come", JSON.stringify(spec({ cdiVersion: "9.0.0" }))],
  ["a device twice", JSON.stringify(spec({ devices: [{ name: "a" }, { name: "a" }] }))],
  ["a path that leads out", JSON.stringify(spec({ containerEdits: { deviceNodes: [{ path: "/dev/../x" }] } }))],
  ["an unknown hook", JSON.stringify(spec({ containerEdits: { hooks: [{ hookName: "later", path: "/x" }] } }))],
  ["what cannot be done", JSON.stringify(spec({ containerEdits: { intelRdt: {} } }))],
  ["no JSON", "{"],
])("parseCdi() refuses %s", (_, text) => {
  expect(() => parseCdi({ path: "/a.json", text })).toThrowCode("stage1/bad-cdi");
});
