import { array, check, type InferOutput, minLength, optional, pipe, safeParse, strictObject, string } from "valibot";
import { BaseError } from "../base/base-error.ts";
import { formatReason } from "../base/errors.ts";
import { parseJsonStrict } from "../base/json.ts";
import { parseScopeName } from "../trust/scope.ts";
import { PodError } from "./errors.ts";

/** File of a configuration layer that says which regime what runs in. */
export const STAGE1_POLICY_FILE = "stage1.json";
const MAX_BYTES = 1024 * 1024;

/** Which regimes images under a name may run in. Empty prefix: every image. */
export interface Stage1Rule {
  readonly prefix: string;
  /** Only these, the first being the one taken when nobody asks for another. */
  readonly only?: readonly string[];
  readonly never?: readonly string[];
  /** File it is written in. */
  readonly from: string;
}

/** The default of the strongest layer, and the rules of all layers: each holds. */
export interface Stage1Policy {
  readonly default?: string;
  readonly rules: readonly Stage1Rule[];
}

const names = pipe(array(pipe(string(), minLength(1))), minLength(1));
const file = strictObject({
  default: optional(pipe(string(), minLength(1))),
  rules: optional(
    array(
      strictObject({
        prefix: pipe(string(), check(isPrefix, "is no image name prefix")),
        only: optional(names),
        never: optional(names),
      }),
    ),
  ),
});

/** Reads one layer's file. @throws {PodError} "pod/bad-option" that names the file and what is wrong in it */
export function parseStage1Policy(text: string, path: string): Stage1Policy {
  const parsed = safeParse(file, readJson(text, path));
  if (!parsed.success) {
    const [issue] = parsed.issues;
    throw bad(path, `${issue.path?.map(({ key }) => String(key)).join(".") ?? "file"}: ${issue.message}`);
  }
  const { default: fallback, rules = [] }: InferOutput<typeof file> = parsed.output;
  return {
    ...(fallback === undefined ? {} : { default: fallback }),
    rules: rules.map(({ prefix, only, never }) => ({
      prefix,
      from: path,
      ...(only === undefined ? {} : { only }),
      ...(never === undefined ? {} : { never }),
    })),
  };
}

/** Joins the layers, weakest first. No layer can take a rule of another back. */
export function joinStage1Policies(layers: readonly Stage1Policy[]): Stage1Policy {
  const fallback = layers.findLast((layer) => layer.default !== undefined)?.default;
  return { ...(fallback === undefined ? {} : { default: fallback }), rules: layers.flatMap((layer) => layer.rules) };
}

function readJson(text: string, path: string): unknown {
  let value: unknown;
  try {
    value = parseJsonStrict(text, { limitBytes: MAX_BYTES });
  } catch (reason) {
    throw bad(path, reason instanceof BaseError ? reason.message : formatReason(reason), reason);
  }
  if (Array.isArray(value)) throw bad(path, "it is a list");
  return value;
}

function isPrefix(text: string): boolean {
  try {
    return text === "" || parseScopeName(text) === text;
  } catch {
    return false; // said once, with its path
  }
}

function bad(path: string, why: string, cause?: unknown): PodError {
  return new PodError("pod/bad-option", `Cannot use "${path}": ${why}`, {
    hint: 'write it as {"default": "systemd", "rules": [{"prefix": "example.com/app", "only": ["kvm"]}, {"prefix": "", "never": ["fly"]}]}',
    cause,
  });
}
