import type { TarInput } from "../../image/layer/encode-tar.ts";
import type { ByteString } from "../../image/layer/entry-path.ts";

/** Where the bytes of a file are while a layer is planned; nothing is held in memory. */
export interface PlannedContent {
  readonly sizeBytes: number;
  chunks(): Iterable<Uint8Array>;
}

/** A member of the layer to be. */
export interface PlannedMember {
  readonly path: ByteString;
  readonly header: Omit<TarInput, "path" | "content" | "modifiedAt">;
  readonly content?: PlannedContent;
}

/** Collects members by path: a later one replaces an earlier one, and every directory is named once. */
export class LayerPlan {
  readonly #members = new Map<ByteString, PlannedMember>();

  get isEmpty(): boolean {
    return this.#members.size === 0;
  }

  add(member: PlannedMember): void {
    this.#members.set(member.path, member);
  }

  /**
   * In the order they are written: by path, parents first; hard links last, when what they name is there. Directories
   * above a member that neither the plan nor the image below has are named too; `isBelow` tells of the latter.
   */
  sorted(isBelow: (names: readonly ByteString[]) => boolean): readonly PlannedMember[] {
    return [...this.#members.values(), ...this.#missingParents(isBelow)]
      .map((member) => ({ member, key: sortKey(member) }))
      .sort((a, b) => (a.key < b.key ? -1 : 1))
      .map(({ member }) => member);
  }

  #missingParents(isBelow: (names: readonly ByteString[]) => boolean): Iterable<PlannedMember> {
    const missing = new Map<ByteString, PlannedMember>();
    for (const path of this.#members.keys()) {
      const names = path.split("/");
      for (let depth = 1; depth < names.length; depth++) {
        const parent = names.slice(0, depth);
        const name = parent.join("/");
        if (this.#members.has(name) || missing.has(name) || isBelow(parent)) continue;
        missing.set(name, { path: name, header: { kind: "dir" } });
      }
    }
    return missing.values();
  }
}

function sortKey({ path, header }: PlannedMember): string {
  return `${header.kind === "hardlink" ? 1 : 0}${path.replaceAll("/", "\0")}`;
}
