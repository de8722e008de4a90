import type { EngineCalls } from "../engine/engine-calls.ts";
import type { ArgSpec, ArgSpecs, FlagSpec, FlagSpecs } from "./flag-spec.ts";
import type { GlobalOptions } from "./global-flags.ts";
import type { CliHost } from "./host.ts";
import type { Output } from "./output.ts";

type ArgValue<A extends ArgSpec> = A extends { many: true } | { raw: true }
  ? readonly string[]
  : A extends { optional: true }
    ? string | undefined
    : string;
type FlagValue<F extends FlagSpec> = F extends { type: "boolean" }
  ? boolean
  : F extends { type: "strings" }
    ? readonly string[]
    : F extends { type: "integer" | "duration" }
      ? number | undefined
      : string | undefined;

/** Values by argument name, typed by the declaration. */
export type ArgValues<A extends ArgSpecs> = { readonly [K in keyof A]: ArgValue<A[K]> };
/** Values by flag name, typed by the declaration. */
export type FlagValues<F extends FlagSpecs> = { readonly [K in keyof F]: FlagValue<F[K]> };

/** What a command gets besides its arguments. */
export interface CommandTools {
  /** The words after the command's name, global flags taken out only when they came before it. */
  readonly words: readonly string[];
  readonly globals: GlobalOptions;
  /** Made at the first call, so that commands without need never load it. */
  readonly engine: () => Promise<EngineCalls>;
  readonly out: Output;
  readonly host: CliHost;
  readonly signal: AbortSignal;
  readonly table: readonly CommandEntry[];
}

/** What `run` receives. */
export interface CommandContext<A extends ArgSpecs, F extends FlagSpecs> extends CommandTools {
  readonly args: ArgValues<A>;
  readonly flags: FlagValues<F>;
}

interface CommandBody {
  /** Longer text under the summary, in whole sentences. */
  readonly details?: string;
  /** Without the program's name. */
  readonly examples: readonly string[];
  /** Order matters between images and flags: arguments are not checked here, `run` parses `words` itself. */
  readonly ordered?: boolean;
  /** Over in a few milliseconds as a rule: what takes longer begins to be compiled then. */
  readonly isBrief?: boolean;
  /** The app's code comes back; failures of our own exit 254. */
  readonly passesAppCode?: boolean;
}

/** A verb as data. `run` returns the exit code, 0 when nothing is returned. */
export interface CommandDeclaration<A extends ArgSpecs, F extends FlagSpecs> extends CommandBody {
  readonly args: A;
  readonly flags: F;
  run(context: CommandContext<A, F>): Promise<number | undefined>;
}

/** Values as the parser binds them, before the declaration's own types are put on. */
export interface BoundContext extends CommandTools {
  readonly args: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly flags: Readonly<Record<string, boolean | string | number | readonly string[] | undefined>>;
}

/** A declared verb with the types of its own arguments forgotten: what table, help and completion work with. */
export interface Command extends CommandBody {
  readonly args: ArgSpecs;
  readonly flags: FlagSpecs;
  run(context: BoundContext): Promise<number | undefined>;
}

/** A line of the command table: enough for finding a verb, without loading any. */
export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  readonly aliases?: readonly string[];
  readonly hidden?: boolean;
  readonly subcommands?: readonly CommandEntry[];
  /** Undefined for a group, which has sub-commands instead. */
  readonly load?: () => Promise<Command>;
}

/** Infers the types of `args` and `flags` for `run` from the declaration itself. */
export function defineCommand<const A extends ArgSpecs, const F extends FlagSpecs>(
  declaration: CommandDeclaration<A, F>,
): Command {
  // The parser fills args and flags by this very declaration, so the narrower types hold.
  return { ...declaration, run: (context) => declaration.run(context as unknown as CommandContext<A, F>) };
}
