import type { Files } from "../../sys/host.ts";
import { TransportError } from "../errors.ts";
import { MAX_SIGNATURE_BYTES, MAX_SIGNATURES } from "../signature-artifact.ts";
import type { LookasidePlace } from "./lookaside-place.ts";

/**
 * Adds a signature under the first free number; the same bytes are not added twice. Two writers at once do not lose each
 * other's. Returns the path.
 * @throws {TransportError} "transport/unsupported" for a server: those are read only.
 */
export function writeLookaside(
  openDirectory: (path: string) => Files,
  place: LookasidePlace,
  bytes: Uint8Array,
): string {
  if (place.kind !== "file") {
    throw new TransportError(
      "transport/unsupported",
      `Cannot store a signature at "${place.url}": servers are read only`,
      {
        hint: "set lookaside-staging: file:///DIRECTORY in registries.d, and publish that directory",
      },
    );
  }
  const directory = openDirectory(place.directory);
  directory.ensureDir("", 0o755);
  using _lock = directory.lock("", { kind: "exclusive", wait: true });
  for (let index = 1; index <= MAX_SIGNATURES; index++) {
    const name = `signature-${index}`;
    const isThere = directory.has(name);
    if (isThere && !Buffer.from(bytes).equals(directory.readBytes(name, MAX_SIGNATURE_BYTES))) continue;
    if (!isThere) writeWhole(directory, name, bytes);
    return directory.path(name);
  }
  throw new TransportError("transport/unsupported", `Cannot store a signature in "${place.directory}": it is full`, {
    hint: `remove signatures that are not needed: at most ${MAX_SIGNATURES} are read`,
  });
}

/** Whole or not at all; the directory of temporary files is no part of a lookaside. */
function writeWhole(directory: Files, name: string, bytes: Uint8Array): void {
  const hadTemp = directory.has("tmp");
  directory.writeAtomic(name, bytes, 0o644);
  if (!hadTemp && directory.list("tmp").length === 0) directory.remove("tmp");
}
