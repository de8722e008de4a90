import type { Descriptor, Platform } from "./descriptor.ts";
import { ImageError } from "./errors.ts";

/** Go's words for what Node calls `process.arch`. */
const ARCHITECTURES: ReadonlyMap<string, string> = new Map([
  ["x64", "amd64"],
  ["ia32", "386"],
  ["ppc64", "ppc64le"],
  ["loong64", "loong64"],
  ["mips64el", "mips64le"],
]);

/**
 * Parses `os/architecture[/variant]`, e.g. `linux/arm64/v8`.
 * @throws {ImageError} "image/bad-platform".
 */
export function parsePlatform(text: string): Platform {
  const [, os, architecture, variant] =
    /^([a-z0-9]{1,32})\/([a-z0-9_]{1,32})(?:\/([a-z0-9.]{1,32}))?$/.exec(text) ?? [];
  if (os === undefined || architecture === undefined) {
    throw new ImageError("image/bad-platform", `Cannot parse platform "${text.slice(0, 100)}"`, {
      hint: "write it as os/architecture[/variant], for example linux/arm64/v8",
    });
  }
  return { os, architecture, ...(variant === undefined ? {} : { variant }) };
}

/** `os/architecture[/variant]`. */
export function formatPlatform(platform: Platform): string {
  const variant = platform.variant === undefined ? "" : `/${platform.variant}`;
  return `${platform.os}/${platform.architecture}${variant}`;
}

/** The platform of a Linux host, from Node's `process.arch`. */
export function hostPlatform(nodeArch: string): Platform {
  const architecture = ARCHITECTURES.get(nodeArch) ?? nodeArch;
  if (architecture === "arm") return { os: "linux", architecture, variant: "v7" };
  return { os: "linux", architecture };
}

/**
 * How well an image for `have` runs on `want`: higher is better, undefined is not at all. Variants are levels of one
 * architecture (`v6` < `v7`); a lower level runs on a higher one. No variant means `v8` on arm64, `v7` on arm, else `v1`.
 */
export function matchPlatform(want: Platform, have: Platform): number | undefined {
  if (want.os !== have.os || want.architecture !== have.architecture) return undefined;
  const wantLevel = variantLevel(want);
  const haveLevel = variantLevel(have);
  if (wantLevel === undefined || haveLevel === undefined) return want.variant === have.variant ? 1 : undefined;
  return haveLevel <= wantLevel ? 1 + haveLevel : undefined;
}

/**
 * The entry of an index that suits `want` best, the first of equals. An entry without platform counts only when it is
 * the only one (layouts made by hand).
 * @throws {ImageError} "image/no-platform", with what there is in `data.available`.
 */
export function choosePlatform(manifests: readonly Descriptor[], want: Platform): Descriptor {
  let best: { readonly entry: Descriptor; readonly score: number } | undefined;
  for (const entry of manifests) {
    const score = entry.platform === undefined ? undefined : matchPlatform(want, entry.platform);
    if (score !== undefined && score > (best?.score ?? 0)) best = { entry, score };
  }
  if (best !== undefined) return best.entry;
  const [only] = manifests;
  if (only !== undefined && manifests.length === 1 && only.platform === undefined) return only;
  const available = manifests.flatMap((entry) =>
    entry.platform === undefined ? [] : [formatPlatform(entry.platform)],
  );
  throw new ImageError("image/no-platform", `Cannot choose an image for ${formatPlatform(want)}: the index has none`, {
    hint: `ask for one of: ${[...new Set(available)].slice(0, 20).join(", ") || "(no platform named)"}`,
    data: { want: formatPlatform(want), available: available.slice(0, 100) },
  });
}

function variantLevel(platform: Platform): number | undefined {
  const fallback = platform.architecture === "arm64" ? "v8" : platform.architecture === "arm" ? "v7" : "v1";
  const [, digits] = /^v?([0-9]{1,3})(?:\.[0-9]+)?$/.exec(platform.variant ?? fallback) ?? [];
  return digits === undefined ? undefined : Number(digits);
}
