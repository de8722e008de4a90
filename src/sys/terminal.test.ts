import { expect, test } from "bun:test";
import { closeSync, openSync } from "node:fs";
import { tcgetattr } from "./linux/terminal-calls.ts";
import { enterRawMode, isTerminal } from "./terminal.ts";

test("isTerminal() tells a terminal from a file", () => {
  const [file, terminal] = [openSync("/dev/null", "r"), openSync("/dev/ptmx", "r+")];
  try {
    expect([isTerminal(file), isTerminal(terminal)]).toEqual([false, true]);
    const before = tcgetattr(terminal);
    {
      using _raw = enterRawMode(terminal);
      expect(tcgetattr(terminal)).not.toEqual(before);
    }
    expect(tcgetattr(terminal)).toEqual(before);
  } finally {
    closeSync(file);
    closeSync(terminal);
  }
});
