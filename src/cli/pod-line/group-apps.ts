import { usageError } from "../errors.ts";
import type { FlagSpecs } from "../flag-spec.ts";
import { GLOBAL_FLAGS } from "../global-flags.ts";
import { parseWords, type Word } from "../parse-flags.ts";
import { splitSegments } from "./split-segments.ts";

type FlagWord = Extract<Word, { kind: "flag" }>;

/** An image with the flags and arguments that belong to it. */
export interface AppWords {
  readonly image: string;
  readonly flags: readonly FlagWord[];
  readonly args: readonly string[];
}

/** A pod line by owner: flags of the pod, and the images in order. */
export interface PodWords {
  readonly pod: readonly FlagWord[];
  readonly apps: readonly AppWords[];
}

interface Draft {
  image: string;
  flags: FlagWord[];
  args: readonly string[];
}

/**
 * An image's flags follow it; with a single image they may stand anywhere. @throws {CliError} "cli/usage".
 * `--volume SRC:DST` counts as a flag of the image, `--volume NAME,kind=…` as one of the pod.
 */
export function groupApps(argv: readonly string[], flags: FlagSpecs): PodWords {
  const specs = { ...GLOBAL_FLAGS, ...flags };
  const apps: Draft[] = [];
  const pod: FlagWord[] = [];
  const early: FlagWord[] = [];
  for (const segment of splitSegments(argv)) {
    for (const word of parseWords(segment.ours, specs).words) {
      if (word.kind === "operand") apps.push({ image: word.value, flags: [], args: [] });
      else if (!belongsToApp(word)) pod.push(word);
      else (apps.at(-1)?.flags ?? early).push(word);
    }
    const last = apps.at(-1);
    if (last !== undefined) last.args = [...last.args, ...segment.args];
    else if (segment.args.length > 0)
      throw usageError(
        'Cannot use arguments after "--": no image stands before them',
        "name the image first: IMAGE -- ARG…",
      );
  }
  const hasManifest = pod.some((word) => word.name === "pod-manifest");
  return { pod, apps: hasManifest ? noApps(apps, early) : giveEarlyFlags(apps, early) };
}

/** A pod manifest names the apps and says all about them. */
function noApps(apps: readonly Draft[], early: readonly FlagWord[]): readonly AppWords[] {
  const [app] = apps;
  const [flag] = early;
  if (app === undefined && flag === undefined) return [];
  throw usageError(
    `Cannot use ${app === undefined ? `flag "${flag?.typed}"` : `image "${app.image}"`} together with --pod-manifest`,
    "say it in the pod manifest",
  );
}

function giveEarlyFlags(apps: readonly Draft[], early: readonly FlagWord[]): readonly AppWords[] {
  const [first, ...others] = apps;
  if (first === undefined) throw usageError("Cannot make a pod: no image given", "name at least one image");
  const [flag] = early;
  if (flag !== undefined && others.length > 0) {
    throw usageError(
      `Cannot tell which image "${flag.typed}" is for: it stands before the first of ${apps.length}`,
      `put it behind its image: ${first.image} ${flag.typed} …`,
    );
  }
  return [{ ...first, flags: [...early, ...first.flags] }, ...others];
}

function belongsToApp(word: FlagWord): boolean {
  return word.spec.perApp === true || (word.name === "volume" && !word.value.includes(",kind="));
}
