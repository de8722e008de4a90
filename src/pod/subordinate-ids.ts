import { PodError } from "./errors.ts";
import type { IdRange } from "./id-mappings.ts";

/** Whose subordinate ids are for containers, as podman has it. */
export const SUBORDINATE_USER = "containers";

/** Where the administrator says nothing: the upper half of all ids, 65536 for each of some 32000 pods. */
export const DEFAULT_ID_RANGE: IdRange = { start: 0x8000_0000, size: 0x7fff_0000 };

/**
 * Ranges of ids that /etc/subuid and /etc/subgid set aside for containers; the default range where both say nothing.
 * Spec: subuid(5). @throws {PodError} "pod/no-id-range" when just one of them does, or a line cannot be read
 */
export function parseSubordinateIds(files: { readonly subuid: string; readonly subgid: string }): {
  readonly uids: readonly IdRange[];
  readonly gids: readonly IdRange[];
} {
  const uids = rangesOf(files.subuid, "/etc/subuid");
  const gids = rangesOf(files.subgid, "/etc/subgid");
  if (uids.length === 0 && gids.length === 0) return { uids: [DEFAULT_ID_RANGE], gids: [DEFAULT_ID_RANGE] };
  if (uids.length > 0 && gids.length > 0) return { uids, gids };
  const lacking = uids.length === 0 ? "/etc/subuid" : "/etc/subgid";
  throw new PodError(
    "pod/no-id-range",
    `Cannot choose ids for the pod: ${lacking} has none for "${SUBORDINATE_USER}"`,
    {
      hint: `add a line to ${lacking} as the other file has one: ${SUBORDINATE_USER}:START:COUNT`,
    },
  );
}

function rangesOf(text: string, file: string): IdRange[] {
  return text.split("\n").flatMap((line): IdRange[] => {
    const [user, start = "", size = "", extra] = line.trim().split(":");
    if (user !== SUBORDINATE_USER) return [];
    const range = { start: Number(start), size: Number(size) };
    const isFine = /^\d{1,10}$/.test(start) && /^\d{1,10}$/.test(size) && extra === undefined;
    if (isFine && range.start + range.size <= 0xffff_ffff) return range.size === 0 ? [] : [range];
    throw new PodError(
      "pod/no-id-range",
      `Cannot choose ids for the pod: ${file} has the line "${line.slice(0, 80)}"`,
      {
        hint: `write it as ${SUBORDINATE_USER}:START:COUNT`,
      },
    );
  });
}
