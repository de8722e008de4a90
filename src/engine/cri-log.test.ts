import { expect, test } from "bun:test";
import { decodeCriLog } from "./cri-log.ts";

const encode = (text: string) => new TextEncoder().encode(text);

test("decodeCriLog() gives back the bytes of whole and partial lines, and leaves an unfinished one for later", () => {
  const text = `2026-01-01T00:00:00.1Z stdout F one two
2026-01-01T00:00:00.2Z stderr P half
2026-01-01T00:00:00.3Z stderr F 
nonsense
2026-01-01T00:00:00.4Z stdout F unfini`;
  const pieces = decodeCriLog(encode(text), { at: 100 });
  expect(pieces.map((one) => [one.stream, Buffer.from(one.bytes).toString(), one.isLineEnd])).toEqual([
    ["stdout", "one two\n", true],
    ["stderr", "half", false],
    ["stderr", "\n", true],
  ]);
  expect(pieces[0]?.end).toBe(140);
});

test("decodeCriLog() keeps bytes that are no text", () => {
  const line = Buffer.concat([encode("t stdout F "), Uint8Array.of(0xff, 0x00, 0x80), encode("\n")]);
  expect([...(decodeCriLog(line, { at: 0 })[0]?.bytes ?? [])]).toEqual([0xff, 0x00, 0x80, 0x0a]);
});
