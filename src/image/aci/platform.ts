import type { Platform } from "../descriptor.ts";
import { ImageError } from "../errors.ts";
import { formatPlatform } from "../platform.ts";
import { findValue, type NameValue } from "./name-values.ts";

/** appc's words for an architecture per operating system, and Go's. Spec: appc, schema/types/labels.go at 259c2ee. */
const ARCHITECTURES: readonly (readonly [os: string, appc: string, architecture: string, variant?: string])[] = [
  ["linux", "amd64", "amd64"],
  ["linux", "i386", "386"],
  ["linux", "aarch64", "arm64"],
  ["linux", "aarch64_be", "arm64be"],
  ["linux", "armv6l", "arm", "v6"],
  ["linux", "armv7l", "arm", "v7"],
  ["linux", "armv7b", "armbe", "v7"],
  ["linux", "ppc64", "ppc64"],
  ["linux", "ppc64le", "ppc64le"],
  ["linux", "s390x", "s390x"],
  ["freebsd", "amd64", "amd64"],
  ["freebsd", "i386", "386"],
  ["freebsd", "arm", "arm", "v6"],
  ["darwin", "x86_64", "amd64"],
  ["darwin", "i386", "386"],
];

/** The architecture of an image that says none: it runs anywhere, as far as it knows. */
export const ANY_ARCHITECTURE = "unknown";

/** The platform that os and arch labels mean; `linux` and "unknown" where they are missing. */
export function platformOfLabels(labels: readonly NameValue[]): Platform {
  const os = findValue(labels, "os") ?? "linux";
  const arch = findValue(labels, "arch");
  const row = ARCHITECTURES.find((one) => one[0] === os && one[1] === arch);
  const [, , architecture, variant] = row ?? [os, arch, arch ?? ANY_ARCHITECTURE];
  return { os, architecture, ...(variant === undefined ? {} : { variant }) };
}

/**
 * The arch label of a platform; undefined when appc has no word for it. arm without a variant counts as v6 on linux, as
 * in the specification's own table; arm64 is v8 whether that is said or not.
 */
export function archLabelOf({ os, architecture, variant }: Platform): string | undefined {
  const wanted = architecture === "arm" ? (os === "freebsd" ? "v6" : (variant ?? "v6")) : undefined;
  const fitting = ARCHITECTURES.filter((one) => one[0] === os && one[2] === architecture);
  return fitting.find((one) => wanted === undefined || one[3] === wanted)?.[1];
}

/** The os and arch labels of a platform. @throws {ImageError} "image/no-counterpart" when appc has no word for it. */
export function labelsOfPlatform(platform: Platform): NameValue[] {
  if (platform.architecture === ANY_ARCHITECTURE) return [{ name: "os", value: platform.os }];
  const arch = archLabelOf(platform);
  if (arch !== undefined)
    return [
      { name: "arch", value: arch },
      { name: "os", value: platform.os },
    ];
  throw new ImageError(
    "image/no-counterpart",
    `Cannot make an App Container Image for ${formatPlatform(platform)}: appc has no name for this platform`,
    { hint: "convert to oci: or docker-archive: instead" },
  );
}
