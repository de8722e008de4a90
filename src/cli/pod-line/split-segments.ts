/** Words for us, then the arguments of the image named last among them. */
export interface Segment {
  readonly ours: readonly string[];
  readonly args: readonly string[];
}

/**
 * Cuts `IMAGE --flag -- ARG… --- IMAGE …` at its dashes: `--` begins the arguments of the image before it, `---` ends
 * them. Spec: rkt 1.30, subcommands/run.md "Overriding image arguments".
 */
export function splitSegments(argv: readonly string[]): Segment[] {
  const segments: Segment[] = [];
  let rest = argv;
  while (rest.length > 0) {
    const end = rest.indexOf("---");
    const part = end === -1 ? rest : rest.slice(0, end);
    const dashes = part.indexOf("--");
    segments.push(
      dashes === -1 ? { ours: part, args: [] } : { ours: part.slice(0, dashes), args: part.slice(dashes + 1) },
    );
    rest = end === -1 ? [] : rest.slice(end + 1);
  }
  return segments;
}
