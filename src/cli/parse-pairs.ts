import { usageError } from "./errors.ts";

/** `NAME=VALUE` words as a map; the last of a name wins. @throws {CliError} "cli/usage" */
export function parsePairs(flag: string, words: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    words.map((word) => {
      const at = word.indexOf("=");
      if (at < 1) throw usageError(`Cannot use ${flag} "${word}": it has no value`, "write it as NAME=VALUE");
      return [word.slice(0, at), word.slice(at + 1)] as const;
    }),
  );
}
