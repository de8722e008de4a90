import { EngineError } from "../base/errors.ts";
import type { EngineCalls } from "../engine/engine-calls.ts";
import { compileAsUsual } from "../sys/jit-policy.ts";
import { bindArgs, bindFlags, operandsBeforeRaw } from "./bind-command.ts";
import type { Command, CommandEntry, CommandTools } from "./command.ts";
import { CliError, usageError } from "./errors.ts";
import { findCommand } from "./find-command.ts";
import { GLOBAL_FLAGS, type GlobalOptions, resolveGlobals } from "./global-flags.ts";
import type { CliHost } from "./host.ts";
import { Output } from "./output.ts";
import { ParsedFlags, parseWords, type Word } from "./parse-flags.ts";
import { TABLE } from "./table.ts";

const BRIEF_MS = 150;

/** Follows one command line and returns the exit code of the process. Prints every error itself; never rejects. */
export async function runCli(host: CliHost): Promise<number> {
  const failure: Failure = {
    own: false,
    json: host.argv.includes("--json"),
    debug: host.argv.includes("--debug"),
    engine: undefined,
  };
  try {
    const exitCode = (await dispatch(host, failure)) ?? 0;
    (await failure.engine)?.settle();
    return exitCode;
  } catch (reason) {
    // Also what failed may have left events; an engine that could not be made is the failure itself.
    (await failure.engine?.catch(() => undefined))?.settle();
    const [{ exitCodeOf, OWN_FAILURE }, { renderError, reportError }] = await Promise.all([
      import("./exit-code.ts"),
      import("./render-error.ts"),
    ]);
    const interrupted = interruption(host.signal, reason);
    const exitCode = interrupted?.exitCode ?? (failure.own ? OWN_FAILURE : exitCodeOf(reason));
    const error = interrupted?.error ?? reason;
    const text =
      failure.json && error instanceof EngineError
        ? JSON.stringify(reportError(error, exitCode))
        : renderError(error, failure.debug);
    host.stderr.write(`${text}\n`);
    return exitCode;
  }
}

/** What came of a signal to this command: no failure of anybody, and the exit code shells expect. */
function interruption(signal: AbortSignal, reason: unknown) {
  if (!signal.aborted || !(reason instanceof DOMException) || reason.name !== "AbortError") return undefined;
  const name = reason.message === "SIGINT" ? "SIGINT" : "SIGTERM";
  const error = new CliError("cli/interrupted", `Cannot finish: interrupted by ${name}`, {
    hint: "run it again: what was downloaded so far is kept",
  });
  return { error, exitCode: 128 + (name === "SIGINT" ? 2 : 15) };
}

interface Failure {
  /** Set once it is known that the command hands back an app's code. */
  own: boolean;
  json: boolean;
  debug: boolean;
  /** Set once something has asked for it. */
  engine: Promise<EngineCalls> | undefined;
}

async function dispatch(host: CliHost, failure: Failure): Promise<number | undefined> {
  const found = findByWords(host.argv);
  if (found.command === undefined) return showOverview(host, found);
  if (found.entry?.load === undefined) return showGroup(host, found);
  const command = await found.entry.load();
  if (command.isBrief === true) setTimeout(compileAsUsual, BRIEF_MS).unref();
  else compileAsUsual();
  failure.own = command.passesAppCode === true;
  if (command.ordered === true && !asksForHelp(command, found.rest)) {
    // Its own parser sees the words; global flags among them are found there by the same declarations.
    const { splitGlobals } = await import("./pod-line/split-globals.ts");
    const { globals, words } = splitGlobals(command.flags, found.rest);
    const tools = makeTools(host, [...found.words, ...globals], words, failure);
    return command.run({ ...tools, args: {}, flags: {} });
  }
  const { words, rest } = parseWords(
    found.rest,
    { ...GLOBAL_FLAGS, ...command.flags },
    operandsBeforeRaw(command.args),
  );
  const flags = new ParsedFlags(words);
  // A command's own flag hides the global one of the same name behind it (`trust add --root`), not before it.
  const globals = [
    ...found.words,
    ...words.filter((word) => word.kind === "flag" && !Object.hasOwn(command.flags, word.name)),
  ];
  if (new ParsedFlags(globals).boolean("help")) {
    const { formatCommandHelp } = await import("./format-help.ts");
    host.stdout.write(`${formatCommandHelp(found.command, found.entry, command)}\n`);
    return 0;
  }
  const tools = makeTools(host, globals, found.rest, failure);
  const operands = [...words.flatMap((word) => (word.kind === "operand" ? [word.value] : [])), ...rest];
  return command.run({
    ...tools,
    args: bindArgs(found.command, command.args, operands),
    flags: bindFlags(command, flags),
  });
}

interface Found {
  /** `image list`; undefined when no word names a command. */
  readonly command: string | undefined;
  readonly entry: CommandEntry | undefined;
  /** Global flags before and between the names. */
  readonly words: readonly Word[];
  readonly rest: readonly string[];
}

function findByWords(argv: readonly string[]): Found {
  const top = parseWords(argv, GLOBAL_FLAGS, 0);
  const [name, ...afterName] = top.rest;
  if (name === undefined) return { command: undefined, entry: undefined, words: top.words, rest: [] };
  const entry = findCommand(TABLE, name);
  if (entry.subcommands === undefined) return { command: entry.name, entry, words: top.words, rest: afterName };
  const inner = parseWords(afterName, GLOBAL_FLAGS, 0);
  const words = [...top.words, ...inner.words];
  const [subName, ...afterSub] = inner.rest;
  if (subName === undefined) return { command: entry.name, entry, words, rest: [] };
  const sub = findCommand(entry.subcommands, subName, `${entry.name} `);
  return { command: `${entry.name} ${sub.name}`, entry: sub, words, rest: afterSub };
}

function asksForHelp(command: Command, argv: readonly string[]): boolean {
  const end = argv.indexOf("--");
  const ours = end === -1 ? argv : argv.slice(0, end);
  if (!ours.includes("--help") && !ours.includes("-h")) return false;
  const { words } = parseWords(ours, { ...GLOBAL_FLAGS, ...command.flags });
  return new ParsedFlags(words).boolean("help");
}

async function showOverview(host: CliHost, found: Found): Promise<number> {
  if (!new ParsedFlags(found.words).boolean("help"))
    throw usageError("Cannot do anything: no command given", "see: gantry --help");
  const { formatOverview } = await import("./format-help.ts");
  host.stdout.write(`${formatOverview(TABLE)}\n`);
  return 0;
}

async function showGroup(host: CliHost, found: Found): Promise<number> {
  const path = found.command ?? "";
  if (!new ParsedFlags(found.words).boolean("help") || found.entry === undefined) {
    throw usageError(`Cannot ${path}: a command is missing after it`, `see: gantry ${path} --help`);
  }
  const { formatGroupHelp } = await import("./format-help.ts");
  host.stdout.write(`${formatGroupHelp(path, found.entry)}\n`);
  return 0;
}

function makeTools(
  host: CliHost,
  flagWords: readonly Word[],
  words: readonly string[],
  failure: Failure,
): CommandTools {
  const globals = resolveGlobals(new ParsedFlags(flagWords), host.env);
  failure.json = globals.json;
  failure.debug = globals.debug;
  const out = new Output(host, globals);
  const startEngine = () => {
    failure.engine ??= createEngine(host, globals, out);
    return failure.engine;
  };
  return { words, globals, engine: startEngine, out, host, signal: host.signal, table: TABLE };
}

async function createEngine(host: CliHost, globals: GlobalOptions, out: Output): Promise<EngineCalls> {
  const watched = host.stderr.isTerminal && !globals.quiet && !globals.json && host.env["TERM"] !== "dumb";
  const bars = watched ? new (await import("./progress-bars.ts")).ProgressBars(host.stderr) : undefined;
  const { rootDir, runDir, configDirs, insecureOptions, caFiles, authFile, httpTimeoutMs, debug } = globals;
  return host.createEngine({
    ...{ rootDir, runDir, configDirs, insecureOptions, caFiles, debug },
    ...(authFile === undefined ? {} : { authFile }),
    ...(httpTimeoutMs === undefined ? {} : { httpTimeoutMs }),
    progress: bars,
    note: (text) => {
      bars?.clear();
      out.note(text);
    },
  });
}
