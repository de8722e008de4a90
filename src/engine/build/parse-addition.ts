import { UseCaseError } from "../errors.ts";

/** One `--add SRC:DEST[:uid:gid[:mode]]`. */
export interface Addition {
  readonly source: string;
  /** Absolute path in the image; ends with "/" when it names a directory to put things into. */
  readonly target: string;
  readonly uid: number;
  readonly gid: number;
  /** Undefined: 0755 for directories and executable files, 0644 for others. */
  readonly modeOctal?: number;
}

/** One `--add-tar FILE[:DEST]`. */
export interface TarAddition {
  readonly source: string;
  readonly target: string;
}

const MAX_ID = 0xffff_fffe;

/** @throws {UseCaseError} "engine/bad-input" */
export function parseAddition(text: string): Addition {
  const [source = "", target = "", ...rest] = text.split(":");
  const [uid = "0", gid = "0", mode] = rest;
  if (source === "" || !target.startsWith("/") || rest.length === 1 || rest.length > 3)
    throw bad("--add", text, "write it as SRC:/DEST or SRC:/DEST:UID:GID[:MODE]");
  const ids = [uid, gid].map((id) => (/^\d{1,10}$/.test(id) && Number(id) <= MAX_ID ? Number(id) : Number.NaN));
  if (ids.some(Number.isNaN)) throw bad("--add", text, "give owner and group as numbers, for example 1000:1000");
  if (mode !== undefined && !/^[0-7]{3,4}$/.test(mode))
    throw bad("--add", text, "give the mode in octal, for example 0755");
  return {
    source,
    target: checkTarget("--add", text, target),
    uid: ids[0] ?? 0,
    gid: ids[1] ?? 0,
    ...(mode === undefined ? {} : { modeOctal: Number.parseInt(mode, 8) }),
  };
}

/** @throws {UseCaseError} "engine/bad-input" */
export function parseTarAddition(text: string): TarAddition {
  const [source = "", target = "/", ...rest] = text.split(":");
  if (source === "" || !target.startsWith("/") || rest.length > 0)
    throw bad("--add-tar", text, "write it as FILE or FILE:/DEST");
  return { source, target: checkTarget("--add-tar", text, target) };
}

function checkTarget(flag: string, text: string, target: string): string {
  const names = target.split("/").filter((name) => name !== "");
  if (names.some((name) => name === "." || name === ".." || name.startsWith(".wh.")) || target.includes("\0"))
    throw bad(flag, text, "name a plain absolute path in the image");
  return `/${names.join("/")}${target.endsWith("/") && names.length > 0 ? "/" : ""}`;
}

function bad(flag: string, text: string, hint: string): UseCaseError {
  return new UseCaseError("engine/bad-input", `Cannot use ${flag} "${text.slice(0, 200)}": it is malformed`, { hint });
}
