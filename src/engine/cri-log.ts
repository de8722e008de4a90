/** A piece of output as the CRI's log format holds it. */
export interface CriPiece {
  readonly stream: "stdout" | "stderr";
  readonly bytes: Uint8Array;
  /** Byte of the log right behind it. */
  readonly end: number;
  /** false: the app's line goes on in the next piece. */
  readonly isLineEnd: boolean;
}

const NEWLINE = 0x0a;
const SPACE = 0x20;

/**
 * Takes the pieces out of `TIME STREAM TAG TEXT` lines, byte for byte: tag `P` is a part of a line, `F` ends it with a
 * newline. What does not look like that is left out; a last line without its end is kept for the next call.
 * Spec: Kubernetes design proposal "kubelet-cri-logging".
 */
export function decodeCriLog(content: Uint8Array, { at }: { readonly at: number }): readonly CriPiece[] {
  const pieces: CriPiece[] = [];
  let from = 0;
  for (let to = content.indexOf(NEWLINE); to >= 0; to = content.indexOf(NEWLINE, from)) {
    const line = content.subarray(from, to + 1);
    from = to + 1;
    const piece = decodeLine(line);
    if (piece !== undefined) pieces.push({ ...piece, end: at + from });
  }
  return pieces;
}

function decodeLine(line: Uint8Array): Omit<CriPiece, "end"> | undefined {
  const first = line.indexOf(SPACE);
  const second = line.indexOf(SPACE, first + 1);
  if (first < 0 || second < 0) return undefined;
  const third = line.indexOf(SPACE, second + 1);
  const stream = Buffer.from(line.subarray(first + 1, second)).toString("latin1");
  if (stream !== "stdout" && stream !== "stderr") return undefined;
  // "F" alone, without a text, ends what a partial line began.
  const tagEnd = third < 0 ? line.byteLength - 1 : third;
  const isLineEnd = line[second + 1] !== 0x50;
  const text = third < 0 ? line.subarray(line.byteLength - 1) : line.subarray(third + 1);
  if (tagEnd - second !== 2) return undefined;
  return { stream, isLineEnd, bytes: isLineEnd ? text : text.subarray(0, -1) };
}
