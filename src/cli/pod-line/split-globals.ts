import type { FlagSpecs } from "../flag-spec.ts";
import { GLOBAL_FLAGS } from "../global-flags.ts";
import { parseWords, type Word } from "../parse-flags.ts";
import { splitSegments } from "./split-segments.ts";

/** Global flags found among the words of an ordered command; the words themselves stay as they are. */
export function splitGlobals(
  flags: FlagSpecs,
  argv: readonly string[],
): { readonly globals: readonly Word[]; readonly words: readonly string[] } {
  const specs = { ...GLOBAL_FLAGS, ...flags };
  const globals = splitSegments(argv)
    .flatMap((segment) => parseWords(segment.ours, specs).words)
    .filter(
      (word) => word.kind === "flag" && Object.hasOwn(GLOBAL_FLAGS, word.name) && !Object.hasOwn(flags, word.name),
    );
  return { globals, words: argv };
}
