import { expect, test } from "bun:test";
import type { Stage1Error } from "../errors.ts";
import { encodeFrame, encodeFrames, FRAME, FrameReader, MAX_FRAME_BYTES } from "./frames.ts";

test("FrameReader gives back every message, in whatever pieces the bytes come", () => {
  const long = new Uint8Array(MAX_FRAME_BYTES + 10).fill(7);
  const sent = Buffer.concat([encodeFrame(FRAME.exit, Uint8Array.of(3)), ...encodeFrames(FRAME.stdout, long)]);
  for (const size of [1, 3, 1000, sent.byteLength]) {
    const reader = new FrameReader();
    const got: string[] = [];
    for (let at = 0; at < sent.byteLength; at += size)
      for (const { kind, content } of reader.push(sent.subarray(at, at + size)))
        got.push(`${kind}:${content.byteLength}`);
    expect(got).toEqual([`${FRAME.exit}:1`, `${FRAME.stdout}:${MAX_FRAME_BYTES}`, `${FRAME.stdout}:10`]);
  }
});

test("FrameReader refuses a message that is announced too long before it holds any of it", () => {
  const header = Buffer.alloc(5);
  header.writeUInt32LE(MAX_FRAME_BYTES + 1, 0);
  try {
    [...new FrameReader().push(header)];
    expect.unreachable();
  } catch (reason) {
    expect((reason as Stage1Error).code).toBe("stage1/enter-failed");
  }
});
