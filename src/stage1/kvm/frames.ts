import { Stage1Error } from "../errors.ts";

/**
 * Messages of a session between host and guest: four bytes of length, one of kind, then the content. The host believes
 * nothing of what comes: lengths are bounded, unknown kinds end the session.
 */
export const FRAME = {
  /** Host: what to run, as JSON. */
  spec: 1,
  stdin: 2,
  stdinEnd: 3,
  /** Host: rows and columns, 16 bits each. */
  resize: 4,
  /** Host: one byte, a signal number. */
  signal: 5,
  stdout: 16,
  stderr: 17,
  /** Guest: how many bytes of stdin were taken, 32 bits. */
  taken: 18,
  /** Guest: one byte, the exit code. Ends the session. */
  exit: 19,
  /** Guest: a refusal, as JSON. Ends the session. */
  failure: 20,
} as const;

/** One message. */
export interface Frame {
  readonly kind: number;
  readonly content: Uint8Array;
}

/** Most bytes of one message's content. */
export const MAX_FRAME_BYTES = 64 * 1024;
/** Bytes of stdin the host may have on the way. */
export const STDIN_WINDOW_BYTES = 256 * 1024;
const HEADER_BYTES = 5;

/** A message as bytes. */
export function encodeFrame(kind: number, content: Uint8Array = new Uint8Array()): Uint8Array {
  const frame = Buffer.alloc(HEADER_BYTES + content.byteLength);
  frame.writeUInt32LE(content.byteLength, 0);
  frame.writeUInt8(kind, 4);
  frame.set(content, HEADER_BYTES);
  return frame;
}

/** Splits content that is too long for one message. */
export function encodeFrames(kind: number, content: Uint8Array): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let at = 0; at < content.byteLength; at += MAX_FRAME_BYTES)
    frames.push(encodeFrame(kind, content.subarray(at, at + MAX_FRAME_BYTES)));
  return frames;
}

/** Puts messages together from pieces that arrive in any size; holds at most one message. */
export class FrameReader {
  #held: Uint8Array = new Uint8Array();

  /** @throws {Stage1Error} "stage1/enter-failed" for a message that is too long */
  *push(bytes: Uint8Array): Generator<Frame> {
    let rest: Uint8Array = this.#held.byteLength === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    while (rest.byteLength >= HEADER_BYTES) {
      const view = Buffer.from(rest.buffer, rest.byteOffset, rest.byteLength);
      const length = view.readUInt32LE(0);
      if (length > MAX_FRAME_BYTES) {
        throw new Stage1Error(
          "stage1/enter-failed",
          `Cannot follow the guest: it announces a message of ${length} bytes`,
          {
            hint: "the guest does not behave: stop the pod and look at its image",
          },
        );
      }
      if (rest.byteLength < HEADER_BYTES + length) break;
      yield { kind: view.readUInt8(4), content: rest.slice(HEADER_BYTES, HEADER_BYTES + length) };
      rest = rest.subarray(HEADER_BYTES + length);
    }
    this.#held = rest.slice();
  }
}
