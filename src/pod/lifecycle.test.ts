import { expect, test } from "bun:test";
import "../testing/to-throw-code.ts";
import { readFileSync } from "node:fs";
import { POD_DIR_STATES, type PodDirState, type PodEvent, podStateOf, transition } from "./lifecycle.ts";

const EVENTS: readonly PodEvent[] = ["begin-prepare", "finish-prepare", "start", "mark-exited", "discard"];

function target(from: PodDirState, event: PodEvent): string {
  try {
    return transition(from, event);
  } catch {
    return "—"; // refused
  }
}

/** The two tables of docs/pod-lifecycle.md as the code has them. */
function tables(): string[] {
  const row = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const code = (text: string) => (text === "—" ? text : `\`${text}\``);
  return [
    row(["directory", ...EVENTS]),
    ...POD_DIR_STATES.map((dir) => row([code(dir), ...EVENTS.map((event) => code(target(dir, event)))])),
    row(["directory", "locked", "unlocked", "unlocked, with a checkpoint"]),
    ...POD_DIR_STATES.map((dir) =>
      row([code(dir), podStateOf(dir, true), podStateOf(dir, false), podStateOf(dir, false, true)]),
    ),
  ];
}

test("docs/pod-lifecycle.md has the tables of transition() and podStateOf()", () => {
  const doc = readFileSync(new URL("../../docs/pod-lifecycle.md", import.meta.url), "utf8").split("\n");
  expect(tables().filter((line) => !doc.includes(line))).toEqual([]);
});

test("transition() has no way out of garbage, no way back, and refuses with pod/wrong-state", () => {
  for (const from of POD_DIR_STATES) {
    for (const event of EVENTS) {
      const to = target(from, event);
      if (to === "—") expect(() => transition(from, event)).toThrowCode("pod/wrong-state");
      else expect(POD_DIR_STATES.indexOf(to as PodDirState)).toBeGreaterThan(POD_DIR_STATES.indexOf(from));
    }
  }
  expect(EVENTS.map((event) => target("garbage", event))).toEqual(EVENTS.map(() => "—"));
});
