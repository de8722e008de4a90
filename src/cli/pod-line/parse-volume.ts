import type { MountOption, VolumeIdRange, VolumeOption } from "../../pod/options.ts";
import { type CliError, usageError } from "../errors.ts";

/** A volume, and where the image before the flag sees it when the flag says so. */
export interface ParsedVolume {
  readonly volume: VolumeOption;
  readonly mount?: MountOption;
}

/** Both forms of `--volume`, told apart by `,kind=`. `fresh` names volumes that have none. @throws {CliError} "cli/usage". */
export function parseVolume(text: string, fresh: () => string): ParsedVolume {
  return text.includes(",kind=") ? { volume: parseNamed(text) } : parseShort(text, fresh);
}

/** `NAME,kind=host,source=/DIR,readOnly=true`. Spec: appc 0.8.11, pods.md "volumes"; rkt's command-line form. */
function parseNamed(text: string): VolumeOption {
  const [name = "", ...pairs] = text.split(",");
  if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name))
    throw badVolume(text, "begin with a name in lower-case letters, digits and dashes");
  const fields = parseFields(pairs, () => badVolume(text, "write NAME,kind=host,source=/DIR or NAME,kind=empty"));
  const kind = fields.get("kind");
  if (kind === "host") {
    allowOnly(text, fields, ["kind", "source", "readOnly", "recursive"]);
    const source = fields.get("source") ?? "";
    if (!source.startsWith("/")) throw badVolume(text, "add source=/ABSOLUTE/PATH");
    return {
      kind,
      name,
      source,
      readOnly: parseBool(text, fields.get("readOnly"), false),
      recursive: parseBool(text, fields.get("recursive"), true),
    };
  }
  if (kind === "empty") {
    allowOnly(text, fields, ["kind", "mode", "uid", "gid"]);
    const mode = fields.get("mode") ?? "0755";
    if (!/^[0-7]{3,4}$/.test(mode)) throw badVolume(text, "write mode in octal, as 0755");
    return {
      kind,
      name,
      modeOctal: Number.parseInt(mode, 8),
      uid: parseId(text, fields.get("uid")),
      gid: parseId(text, fields.get("gid")),
    };
  }
  throw badVolume(text, "use kind=host or kind=empty");
}

/** `/SRC:/DST[:ro|rw]`, or `/DST` alone for an empty volume there. */
function parseShort(text: string, fresh: () => string): ParsedVolume {
  const [first = "", second, options, extra] = text.split(":");
  const hint = "write /SRC:/DST[:ro], or NAME,kind=host,source=/DIR with --mount";
  if (!first.startsWith("/") || second?.startsWith("/") === false || extra !== undefined) throw badVolume(text, hint);
  const name = fresh();
  if (second === undefined)
    return { volume: emptyVolume(name), mount: { volume: name, target: first, readOnly: false } };
  const words = options?.split(",") ?? [];
  const unknown = words.find(
    (word) => !["ro", "rw", "z", "Z", "rbind", ...PROPAGATIONS].includes(word) && !/^idmap(=|$)/.test(word),
  );
  if (unknown !== undefined)
    throw badVolume(text, `use ro, rw, idmap or one of ${PROPAGATIONS.join(", ")}, not "${unknown}"`);
  const readOnly = words.includes("ro");
  return {
    volume: { kind: "host", name, source: first, readOnly, recursive: true },
    mount: {
      volume: name,
      target: second,
      readOnly,
      ...propagationOf(text, words),
      ...parseIdmap(text, words.find((word) => /^idmap(=|$)/.test(word))?.slice("idmap=".length)),
    },
  };
}

/** A `--mount` flag: of a named volume, or with its own volume. @throws {CliError} "cli/usage". */
export function parseMount(
  text: string,
  fresh: () => string,
): { readonly volume?: VolumeOption; readonly mount: MountOption } {
  const hint = "write volume=NAME,target=/PATH, or type=bind,source=/DIR,target=/PATH, or type=tmpfs,target=/PATH";
  const fields = parseFields(text.split(","), () => badMount(text, hint));
  const target = fields.get("target") ?? fields.get("dst") ?? fields.get("destination") ?? "";
  const readOnlyText = fields.get("readOnly") ?? fields.get("readonly") ?? fields.get("ro");
  const readOnly = parseBool(text, readOnlyText === "" ? "true" : readOnlyText, false);
  if (!target.startsWith("/")) throw badMount(text, "add target=/ABSOLUTE/PATH");
  const type = fields.get("type");
  const typed = fields.get("bind-propagation") ?? fields.get("propagation");
  const propagation = propagationOf(text, typed === undefined ? [] : [typed]);
  if (typed !== undefined && propagation.propagation === undefined)
    throw badMount(text, `use one of ${PROPAGATIONS.join(", ")}`);
  const idmap = parseIdmap(text, fields.get("idmap"));
  allowOnly(text, fields, [
    "idmap",
    "bind-propagation",
    "propagation",
    "type",
    "volume",
    "source",
    "src",
    "target",
    "dst",
    "destination",
    "readOnly",
    "readonly",
    "ro",
  ]);
  const named = fields.get("volume");
  if (named !== undefined && named !== "" && (type === undefined || type === "volume")) {
    return { mount: { volume: named, target, readOnly, ...propagation, ...idmap } };
  }
  const volume = fresh();
  const mount = { volume, target, readOnly, ...propagation, ...idmap };
  // As the scratch space it is: anybody may write.
  if (type === "tmpfs") return { volume: emptyVolume(volume, 0o1777), mount };
  const source = fields.get("source") ?? fields.get("src") ?? "";
  if (type !== "bind" || !source.startsWith("/")) throw badMount(text, hint);
  return { volume: { kind: "host", name: volume, source, readOnly, recursive: true }, mount };
}

const PROPAGATIONS = ["private", "rprivate", "slave", "rslave", "shared", "rshared"] as const;

function propagationOf(text: string, words: readonly string[]): Pick<MountOption, "propagation"> {
  const found = words.flatMap((word) => PROPAGATIONS.find((one) => one === word) ?? []);
  const [propagation, second] = found;
  if (second !== undefined) throw badVolume(text, `use one of ${found.join(", ")}`);
  return propagation === undefined ? {} : { propagation };
}

/**
 * What follows `idmap=`: nothing, or owners as podman writes them, `uids=FILE-ID-SIZE#…;gids=…`, the middle one with @ before
 * the first an id of the pod.
 */
function parseIdmap(text: string, value: string | undefined): Pick<MountOption, "idmap"> {
  if (value === undefined || value === "false") return {};
  if (value === "" || value === "true") return { idmap: true };
  const [, uids = "", gids = ""] = /^uids=([^;]+);gids=([^;]+)$/.exec(value) ?? [];
  const hint =
    "write idmap, or idmap=uids=FILE-ID-SIZE#…;gids=FILE-ID-SIZE#… in quotes, with @ before a range for ids of the pod";
  if (uids === "") throw badVolume(text, hint);
  const parse = (ranges: string): VolumeIdRange[] =>
    ranges.split("#").map((range) => {
      const [, at, fileId = "", id = "", size = ""] = /^(@?)(\d{1,10})-(\d{1,10})-(\d{1,10})$/.exec(range) ?? [];
      if (size === "") throw badVolume(text, hint);
      return { fileId: Number(fileId), id: Number(id), size: Number(size), isOfPod: at === "@" };
    });
  return { idmap: { uids: parse(uids), gids: parse(gids) } };
}

function emptyVolume(name: string, modeOctal = 0o755): VolumeOption {
  return { kind: "empty", name, modeOctal, uid: 0, gid: 0 };
}

function parseFields(pairs: readonly string[], fail: () => CliError): Map<string, string> {
  const fields = new Map<string, string>();
  for (const pair of pairs) {
    const [key = "", ...value] = pair.split("=");
    if (key === "" || fields.has(key)) throw fail();
    fields.set(key, value.join("="));
  }
  return fields;
}

function allowOnly(text: string, fields: ReadonlyMap<string, string>, known: readonly string[]): void {
  const unknown = [...fields.keys()].find((key) => !known.includes(key));
  if (unknown !== undefined) throw badVolume(text, `leave out "${unknown}": known are ${known.join(", ")}`);
}

function parseBool(text: string, value: string | undefined, otherwise: boolean): boolean {
  if (value === undefined) return otherwise;
  if (value !== "true" && value !== "false") throw badVolume(text, `write true or false in place of "${value}"`);
  return value === "true";
}

function parseId(text: string, value = "0"): number {
  if (!/^\d{1,10}$/.test(value)) throw badVolume(text, "write uid and gid as numbers");
  return Number(value);
}

function badVolume(text: string, hint: string): CliError {
  return usageError(`Cannot read volume "${text.slice(0, 200)}"`, hint);
}

function badMount(text: string, hint: string): CliError {
  return usageError(`Cannot read mount "${text.slice(0, 200)}"`, hint);
}
