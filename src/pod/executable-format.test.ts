import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { EXECUTABLE_HEAD_BYTES, parseExecutableFormat } from "./executable-format.ts";

const text = (script: string) => parseExecutableFormat(new TextEncoder().encode(script));
const head = (path: string) => new Uint8Array(readFileSync(path)).subarray(0, EXECUTABLE_HEAD_BYTES);

test("parseExecutableFormat() finds the interpreter of scripts", () => {
  expect(text("#!/bin/sh\necho")).toEqual({ kind: "script", interpreter: "/bin/sh" });
  expect(text("#! \t/usr/bin/env -S node\n")).toEqual({ kind: "script", interpreter: "/usr/bin/env" });
  expect(text("#!/no/newline")).toEqual({ kind: "script", interpreter: "/no/newline" });
  for (const odd of ["", "#", "#!\n", "#!   \n", "echo", "\u007fEL"]) expect(text(odd).kind).toBe("unknown");
});

test("parseExecutableFormat() finds the dynamic loader of real programs, and none in static ones", () => {
  expect(parseExecutableFormat(head("/bin/sh"))).toMatchObject({
    kind: "elf",
    interpreter: expect.stringMatching(/ld/),
  });
  expect(parseExecutableFormat(head("/bin/busybox"))).toMatchObject({ kind: "elf", interpreter: undefined });
});

test("parseExecutableFormat() never throws, however a header is cut or changed", () => {
  const whole = head("/bin/sh").slice(0, 2048);
  for (let length = 0; length < 200; length++) parseExecutableFormat(whole.subarray(0, length));
  for (let at = 0; at < 300; at++) {
    const changed = whole.slice();
    changed.fill(0xff, at, at + 8);
    expect(["elf", "unknown"]).toContain(parseExecutableFormat(changed).kind);
  }
});
