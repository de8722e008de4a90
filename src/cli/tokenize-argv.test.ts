import { expect, test } from "bun:test";
import { parseArgs } from "node:util";
import { tokenizeArgv } from "./tokenize-argv.ts";

const OPTIONS = {
  help: { type: "boolean", short: "h" },
  quiet: { type: "boolean", short: "q" },
  root: { type: "string" },
  port: { type: "string", short: "p" },
} as const;
const SYNTAX = {
  takesValue: new Map(Object.entries(OPTIONS).map(([name, { type }]) => [name, type === "string"])),
  short: new Map([
    ["h", "help"],
    ["q", "quiet"],
    ["p", "port"],
  ]),
};
const WORDS = [
  ...["--help", "--root", "--root=/x", "--root=", "--port=a=b", "-h", "-hq", "-qp", "-p80", "-hqp80", "-p=80", "-p"],
  ...["--", "-", "a", "", "--unknown", "--unknown=1", "-x", "-xh", "-hx", "--help=no", "a=b", "--=x", "-h=1", "---"],
];

/** What node says, with the fields that ours has. */
function expected(args: string[]) {
  const { tokens } = parseArgs({ args, options: OPTIONS, strict: false, tokens: true, allowPositionals: true });
  return tokens.map((token) => {
    if (token.kind === "option-terminator") return { kind: token.kind };
    if (token.kind === "positional") return { kind: token.kind, index: token.index, value: token.value };
    return { kind: token.kind, name: token.name, rawName: token.rawName, value: token.value };
  });
}

test("tokenizeArgv() splits every sequence of three words as node:util does", () => {
  for (const a of WORDS) {
    for (const b of WORDS) {
      for (const c of WORDS) expect([...tokenizeArgv([a, b, c], SYNTAX)]).toEqual(expected([a, b, c]));
    }
  }
});
