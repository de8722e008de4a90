import { CliError } from "./errors.ts";

/** UTF-8 text named on the command line. @throws {CliError} "cli/bad-file" when unreadable, not UTF-8, or over `limitBytes`. */
export async function readUserFile(
  name: string,
  open: () => AsyncIterable<Uint8Array>,
  limitBytes: number,
): Promise<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let text = "";
  let readBytes = 0;
  try {
    for await (const chunk of open()) {
      readBytes += chunk.byteLength;
      if (readBytes > limitBytes) break;
      text += decoder.decode(chunk, { stream: true });
    }
    if (readBytes <= limitBytes) return text + decoder.decode();
  } catch (reason) {
    throw new CliError("cli/bad-file", `Cannot read "${name}"`, {
      hint: "check its name and who may read it, and that it is UTF-8 text",
      cause: reason,
    });
  }
  throw new CliError("cli/bad-file", `Cannot read "${name}": more than ${limitBytes} bytes`, {
    hint: "check that it is the right file",
  });
}
