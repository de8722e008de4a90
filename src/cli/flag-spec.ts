/** A positional argument. `many` takes all that are left; `raw` too, with flags in them left alone. */
export interface ArgSpec {
  readonly help: string;
  readonly optional?: boolean;
  readonly many?: boolean;
  readonly raw?: boolean;
}

/** A flag. `strings` may be repeated; durations are written like `90s`, `10m`, `1h30m` and arrive in milliseconds. */
export interface FlagSpec {
  readonly type: "boolean" | "string" | "strings" | "integer" | "duration";
  readonly help: string;
  readonly short?: string;
  readonly aliases?: readonly string[];
  readonly placeholder?: string;
  readonly choices?: readonly string[];
  /** The value may be left out; then it is this one, and a value must be written with "=". */
  readonly bare?: string;
  /** Belongs to the image before it, in commands that take several images. */
  readonly perApp?: boolean;
}

/** Arguments by name, in the order they are typed. */
export type ArgSpecs = Readonly<Record<string, ArgSpec>>;
/** Flags by long name. */
export type FlagSpecs = Readonly<Record<string, FlagSpec>>;
