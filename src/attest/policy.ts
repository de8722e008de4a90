import {
  array,
  check,
  type InferOutput,
  maxLength,
  minLength,
  optional,
  pipe,
  record,
  regex,
  safeParse,
  strictObject,
  string,
  union,
} from "valibot";
import { sha256Hex } from "../audit/merkle/hash.ts";
import { BaseError } from "../base/base-error.ts";
import { parseJsonStrict } from "../base/json.ts";
import { AttestError } from "./errors.ts";

const name = pipe(string(), minLength(1), maxLength(1024));
const imageRule = union(
  [
    strictObject({ digest: pipe(string(), regex(/^sha(?:256:[0-9a-f]{64}|512:[0-9a-f]{128})$/)) }),
    strictObject({ name }),
    strictObject({
      prefix: pipe(
        name,
        check((text) => !text.endsWith("/")),
      ),
    }),
  ],
  'is no rule: write {"digest": "sha256:…"}, {"name": "example.com/app:1"} or {"prefix": "example.com/team"} (no "/" at its end)',
);
const members = {
  images: optional(array(imageRule)),
  keys: optional(array(name)),
  regimes: optional(array(name)),
  insecureOptions: optional(array(name)),
  pcrDigests: optional(array(pipe(string(), regex(/^[0-9a-f]{64}$/, "is no SHA-256 in hexadecimal")))),
};
const rules = strictObject(members);
const file = strictObject({ ...members, nodes: optional(record(name, rules)) });

/** What may run on a node. A member that is left out allows everything. */
export type NodeRules = InferOutput<typeof rules>;

/** An allow-list for a fleet. */
export interface FleetPolicy {
  readonly rules: NodeRules;
  /** In the place of `rules`, for single nodes. */
  readonly nodes: ReadonlyMap<string, NodeRules>;
  /** Another one when the file's content is another one. */
  readonly hash: string;
}

/** Largest policy file, in bytes. */
export const MAX_POLICY_BYTES = 4 * 1024 * 1024;

/** Allows everything. */
export const OPEN_POLICY: FleetPolicy = { rules: {}, nodes: new Map(), hash: "" };

/** @throws {AttestError} "attest/bad-policy" that names every member that is wrong */
export function parsePolicy(text: string, path: string): FleetPolicy {
  const parsed = safeParse(file, readJson(text, path));
  if (!parsed.success) {
    const issues = parsed.issues.map(
      (issue) => `${issue.path?.map(({ key }) => String(key)).join(".") ?? "file"}: ${issue.message}`,
    );
    throw bad(path, issues.join("; "));
  }
  const { nodes = {}, ...others } = parsed.output;
  return { rules: others, nodes: new Map(Object.entries(nodes)), hash: sha256Hex(text) };
}

/** The rules that hold for a node. */
export function rulesFor(policy: FleetPolicy, node: string): NodeRules {
  return policy.nodes.get(node) ?? policy.rules;
}

/** Whether a list of image rules has one for this image. Prefixes end at a whole component of the name. */
export function isImageAllowed(
  list: NonNullable<NodeRules["images"]>,
  image: { readonly name: string; readonly digest: string },
): boolean {
  return list.some((rule) => {
    if ("digest" in rule) return rule.digest === image.digest;
    if ("name" in rule) return rule.name === image.name;
    const next = image.name.slice(rule.prefix.length, rule.prefix.length + 1);
    return image.name.startsWith(rule.prefix) && ["", "/", ":", "@"].includes(next);
  });
}

function readJson(text: string, path: string): unknown {
  try {
    return parseJsonStrict(text, { limitBytes: MAX_POLICY_BYTES });
  } catch (reason) {
    if (reason instanceof BaseError) throw bad(path, reason.message, reason);
    throw reason;
  }
}

function bad(path: string, why: string, cause?: unknown): AttestError {
  return new AttestError("attest/bad-policy", `Cannot use policy "${path}": ${why}`, {
    hint: 'write it as {"images": [{"prefix": "example.com/team"}], "keys": […], "regimes": […], "insecureOptions": […]}',
    ...(cause === undefined ? {} : { cause }),
  });
}
