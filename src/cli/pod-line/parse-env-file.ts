import { CliError } from "../errors.ts";

/** `NAME=VALUE` per line, later wins; blank lines and lines beginning with `#` or `;` are skipped. @throws {CliError} "cli/bad-file". */
export function parseEnvFile(path: string, text: string): string[] {
  const pairs: string[] = [];
  text.split("\n").forEach((raw, index) => {
    const line = raw.trim();
    if (line === "" || line.startsWith("#") || line.startsWith(";")) return;
    if (!/^[^\s=]+=/.test(line)) {
      throw new CliError(
        "cli/bad-file",
        `Cannot read environment file "${path}": line ${index + 1} is not NAME=VALUE`,
        {
          hint: "write one NAME=VALUE per line, comments after #",
        },
      );
    }
    pairs.push(line);
  });
  return pairs;
}
