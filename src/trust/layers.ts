import type { Files } from "../sys/host.ts";

/**
 * One configuration directory: `/usr/lib/gantry`, `/etc/gantry` or `--config`. Its `trustedkeys/`, `policy.d/` and
 * `trustroots/` are read here. Lists of layers go from lowest to highest precedence.
 */
export interface TrustLayer {
  /** `vendor`, `admin` or `config`, for messages and listings. */
  readonly name: string;
  readonly files: Files;
}

/** Sub-directory of a layer with keys, per scope, and revocations. */
export const KEYS_DIR = "trustedkeys";
/** Sub-directory of a layer with policy files `*.json`. */
export const POLICY_DIR = "policy.d";
/** Sub-directory of a layer with sigstore trust roots `*.json`. */
export const TRUST_ROOTS_DIR = "trustroots";

/** A file of a layer, as found. */
export interface LayerFile {
  readonly layer: string;
  /** Relative to the layer, e.g. `trustedkeys/root.d/<fingerprint>`. */
  readonly rel: string;
  readonly bytes: Uint8Array;
}

/** Bounds of what a configuration may hold. */
const MAX_FILE_BYTES = 1024 * 1024;
const MAX_DEPTH = 32;

/** Every regular file beneath `dir` of one layer, sorted by path. Symbolic links to files are followed, to directories not. */
export function readLayerFiles(layer: TrustLayer, dir: string): readonly LayerFile[] {
  const found: LayerFile[] = [];
  collect(layer, { dir, depth: 0 }, found);
  return found;
}

function collect(layer: TrustLayer, at: { readonly dir: string; readonly depth: number }, found: LayerFile[]): void {
  if (at.depth > MAX_DEPTH) return;
  for (const name of layer.files.list(at.dir)) {
    const rel = `${at.dir}/${name}`;
    const kind = layer.files.stat(rel)?.kind;
    if (kind === "dir") collect(layer, { dir: rel, depth: at.depth + 1 }, found);
    else if ((kind === "file" || kind === "symlink") && !isPrivateName(name)) {
      found.push({ layer: layer.name, rel, bytes: layer.files.readBytes(rel, MAX_FILE_BYTES) });
    }
  }
}

/** Editors' and our own temporary files are not configuration. */
function isPrivateName(name: string): boolean {
  return name.startsWith(".") || name.endsWith("~");
}

/** SHA-256 over layer, path and content of every file, in order: equal hash means nothing changed. */
export function hashLayerFiles(files: readonly LayerFile[]): string {
  const hash = new Bun.CryptoHasher("sha256");
  for (const file of files) {
    hash.update(`${file.layer}\0${file.rel}\0${file.bytes.byteLength}\0`);
    hash.update(file.bytes);
  }
  return `sha256:${hash.digest("hex")}`;
}
