import { parseRegistriesConf, type RegistriesFile } from "../discovery/parse-registries-conf.ts";
import type { RegistriesConf } from "../discovery/registries-conf.ts";
import { ImageError } from "../image/errors.ts";
import type { ImageArgument } from "../image/reference.ts";
import { parseImageArgument } from "../image/reference.ts";
import type { Files } from "../sys/host.ts";
import { openFiles } from "../sys/linux/files.ts";
import type { EngineContext } from "./context.ts";

const MAX_FILE_BYTES = 1024 * 1024;
const MAX_DROP_INS = 500;
const NAME = "registries.conf";

/**
 * Registry settings as podman and skopeo have them: one main file (CONTAINERS_REGISTRIES_CONF, else `registries.conf` of
 * the strongest configuration directory, the user's, the host's, the vendor's), then all drop-ins, the weakest first.
 * @throws {DiscoveryError} "discovery/bad-config"
 */
export function readRegistriesConf(ctx: Pick<EngineContext, "config" | "env">): RegistriesConf {
  const named = ctx.env["CONTAINERS_REGISTRIES_CONF"];
  const home = ctx.env["HOME"];
  const usual = [
    openFiles("/usr/share/containers"),
    openFiles("/etc/containers"),
    ...(home?.startsWith("/") === true ? [openFiles(`${home}/.config/containers`)] : []),
  ];
  const layers = [...usual, ...ctx.config];
  const main =
    named === undefined || named === ""
      ? layers.toReversed().flatMap((files) => readIfThere(files, NAME))[0]
      : readNamed(named);
  const dropIns = layers.flatMap((files) => {
    const names = files.list(`${NAME}.d`).filter((name) => name.endsWith(".conf"));
    return names.slice(0, MAX_DROP_INS).flatMap((name) => readIfThere(files, `${NAME}.d/${name}`));
  });
  return parseRegistriesConf([...(main === undefined ? [] : [main]), ...dropIns]);
}

/**
 * Parses what a user typed. A name without host is refused as always, with the full name it probably means: a name decides
 * about trust, so it is never completed behind the user's back, not even by an alias.
 * @throws {ImageError} "image/bad-reference"
 */
export function parseUserImage(ctx: Pick<EngineContext, "config" | "env">, text: string): ImageArgument {
  try {
    return parseImageArgument(text);
  } catch (reason) {
    const full = reason instanceof ImageError && /^[a-z0-9._/-]+(:[\w.-]+)?$/.test(text) ? suggest(ctx, text) : [];
    if (!(reason instanceof ImageError) || full.length === 0) throw reason;
    throw new ImageError("image/bad-reference", reason.message, {
      hint: `names are not searched for; write the one you mean: ${full.join(" or ")}`,
      cause: reason,
    });
  }
}

function suggest(ctx: Pick<EngineContext, "config" | "env">, text: string): readonly string[] {
  const conf = readRegistriesConf(ctx);
  const [, name = text, tag = ""] = /^(.*?)(:[^:/]*)?$/.exec(text) ?? [];
  const alias = conf.aliases.get(name);
  return alias === undefined
    ? conf.unqualifiedSearch.slice(0, 5).map((host) => `docker://${host}/${name}${tag}`)
    : [`docker://${alias}${tag}`];
}

function readIfThere(files: Files, rel: string): RegistriesFile[] {
  if (files.statFollowing(rel)?.kind !== "file") return [];
  return [{ path: files.path(rel), text: files.readText(rel, MAX_FILE_BYTES) }];
}

function readNamed(path: string): RegistriesFile {
  const files = openFiles("/");
  return { path, text: files.readText(path.replace(/^\/+/, ""), MAX_FILE_BYTES) };
}
