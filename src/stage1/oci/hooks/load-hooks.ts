import { formatReason } from "../../../base/errors.ts";
import { parseJsonStrict } from "../../../base/json.ts";
import { readTrustedFiles, type TrustedFile } from "../../../sys/linux/trusted-files.ts";
import { Stage1Error } from "../../errors.ts";

/** Where hooks are, weakest first: a file masks those of its name in directories before. Spec: oci-hooks(5) */
export const HOOKS_DIRS: readonly string[] = ["/usr/share/containers/oci/hooks.d", "/etc/containers/oci/hooks.d"];

/** Points of a container's life. Spec: OCI runtime-spec v1.2.0, config.md "POSIX-platform Hooks" */
export const HOOK_STAGES = [
  "prestart",
  "createRuntime",
  "createContainer",
  "startContainer",
  "poststart",
  "poststop",
] as const;

/** One of them. */
export type HookStage = (typeof HOOK_STAGES)[number];

/** A program as the runtime's configuration names it. */
export interface HookProgram {
  readonly path: string;
  readonly args?: readonly string[];
  readonly env?: readonly string[];
  readonly timeout?: number;
}

/** Programs by the point they run at. */
export type HooksByStage = Readonly<Partial<Record<HookStage, readonly HookProgram[]>>>;

/** What the conditions of hooks are held against. */
export interface HookSubject {
  readonly annotations: Readonly<Record<string, string>>;
  readonly command: string;
  readonly hasBindMounts: boolean;
}

/** The hooks that a container gets, in the order of their files' names. @throws {Stage1Error} "stage1/bad-hook" */
export function loadHooks(subject: HookSubject, dirs: readonly string[] = HOOKS_DIRS): HooksByStage {
  const files = new Map<string, TrustedFile>();
  for (const dir of dirs)
    for (const file of readTrustedFiles(dir, [".json"])) files.set(file.path.slice(dir.length + 1), file);
  const byStage: Partial<Record<HookStage, HookProgram[]>> = {};
  for (const [, file] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const { program, stages, isFor } = parseHook(file);
    if (!isFor(subject)) continue;
    for (const stage of stages) byStage[stage] = [...(byStage[stage] ?? []), program];
  }
  return byStage;
}

interface ParsedHook {
  readonly program: HookProgram;
  readonly stages: readonly HookStage[];
  readonly isFor: (subject: HookSubject) => boolean;
}

type Fields = Readonly<Record<string, unknown>>;

/** One file. All conditions that are given have to hold. Spec: oci-hooks(5), "1.0.0 Hook Schema" */
export function parseHook({ path, text }: TrustedFile): ParsedHook {
  try {
    const top = fields(parseJsonStrict(text, { limitBytes: 1024 * 1024 }), "the document");
    if (top["version"] !== "1.0.0") throw wrong("version", 'is not "1.0.0"');
    const hook = fields(top["hook"], "hook");
    const program = hook["path"];
    if (typeof program !== "string" || !program.startsWith("/")) throw wrong("hook.path", "is not an absolute path");
    const timeout = hook["timeout"];
    if (timeout !== undefined && (typeof timeout !== "number" || !Number.isInteger(timeout) || timeout < 1))
      throw wrong("hook.timeout", "is not a number of seconds");
    const stages = texts(top["stages"], "stages");
    const unknown = stages.find((name) => !HOOK_STAGES.some((one) => one === name));
    if (unknown !== undefined || stages.length === 0)
      throw wrong("stages", unknown === undefined ? "is empty" : `names "${unknown}"`);
    return {
      program: {
        path: program,
        ...(hook["args"] === undefined ? {} : { args: texts(hook["args"], "hook.args") }),
        ...(hook["env"] === undefined ? {} : { env: texts(hook["env"], "hook.env") }),
        ...(timeout === undefined ? {} : { timeout: Number(timeout) }),
      },
      stages: HOOK_STAGES.filter((stage) => stages.includes(stage)),
      isFor: parseWhen(fields(top["when"], "when")),
    };
  } catch (reason) {
    throw new Stage1Error("stage1/bad-hook", `Cannot use hook "${path}": ${formatReason(reason)}`, {
      hint: "mend or remove the file: man oci-hooks; or leave hooks out: --hooks-dir=/EMPTY/DIR",
      data: { path },
      cause: reason,
    });
  }
}

function parseWhen(when: Fields): ParsedHook["isFor"] {
  const unknown = Object.keys(when).find(
    (key) => !["always", "annotations", "commands", "hasBindMounts"].includes(key),
  );
  if (unknown !== undefined) throw wrong(`when.${unknown}`, "is not a condition");
  const conditions: ParsedHook["isFor"][] = [];
  const { always, annotations, commands, hasBindMounts } = when;
  if (always !== undefined) conditions.push(() => always === true);
  if (hasBindMounts !== undefined) conditions.push((subject) => subject.hasBindMounts === hasBindMounts);
  if (commands !== undefined) {
    const patterns = texts(commands, "when.commands").map(pattern);
    conditions.push(({ command }) => patterns.some((one) => one.test(command)));
  }
  if (annotations !== undefined) {
    for (const [key, value] of Object.entries(fields(annotations, "when.annotations"))) {
      const [name, wanted] = [pattern(key), pattern(String(value))];
      conditions.push((subject) =>
        Object.entries(subject.annotations).some(([one, text]) => name.test(one) && wanted.test(text)),
      );
    }
  }
  if (conditions.length === 0) throw wrong("when", "has no condition");
  return (subject) => conditions.every((holds) => holds(subject));
}

function pattern(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch (reason) {
    throw wrong(`"${text.slice(0, 80)}"`, `is not a regular expression: ${formatReason(reason)}`);
  }
}

function fields(value: unknown, name: string): Fields {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Fields;
  throw wrong(name, "is not an object");
}

function texts(value: unknown, name: string): readonly string[] {
  if (Array.isArray(value) && value.every((one) => typeof one === "string")) return value;
  throw wrong(name, "is not a list of texts");
}

function wrong(name: string, state: string): Stage1Error {
  return new Stage1Error("stage1/bad-hook", `Cannot read ${name}: it ${state}`, { hint: "man oci-hooks" });
}
