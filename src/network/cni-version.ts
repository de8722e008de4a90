/** Versions of the CNI protocol this runtime speaks, oldest first. Spec: CNI 1.1.0, "Released versions". */
export const CNI_VERSIONS = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] as const;

/** One version of the CNI protocol. */
export type CniVersion = (typeof CNI_VERSIONS)[number];

/** undefined for anything this runtime does not speak. */
export function parseCniVersion(text: string): CniVersion | undefined {
  return CNI_VERSIONS.find((version) => version === text);
}

/** True when `version` is `floor` or newer. */
export function isAtLeast(version: CniVersion, floor: CniVersion): boolean {
  return CNI_VERSIONS.indexOf(version) >= CNI_VERSIONS.indexOf(floor);
}
