import { sha256Hex } from "../audit/merkle/hash.ts";
import { SETTINGS_FILE } from "../audit/settings.ts";
import type { Files } from "../sys/host.ts";
import { hashLayerFiles, KEYS_DIR, POLICY_DIR, readLayerFiles, type TrustLayer } from "../trust/layers.ts";
import type { EngineContext } from "./context.ts";
import { trustConfig, trustLayers } from "./trust-layers.ts";

/** What was seen last, so that a change is told once. */
interface SeenConfiguration {
  /** Names, sizes and times of all files: while they are the same, nothing is read. */
  readonly stamp: string;
  /** Hash of the content by part. */
  readonly parts: Readonly<Record<string, string>>;
}

const SEEN_FILE = "configuration-seen.json";
const PARTS = { keys: KEYS_DIR, policy: POLICY_DIR, networks: "net.d" } as const;
const MAX_DEPTH = 8;
const MAX_FILE_BYTES = 1024 * 1024;

/**
 * Reports `config.changed` when keys, policies with their exceptions, networks or the audit's own settings are not those
 * of the last time: also when somebody has edited the files without Gantry. Called before they decide about a pod.
 */
export function noteConfiguration(ctx: EngineContext): void {
  const layers = trustLayers(ctx);
  const containers = (trustConfig(ctx).containers?.policyPath ?? "/etc/containers/policy.json").slice(1);
  const stamps = [...layers.map((layer) => stampLayer(layer.files)), ...stampEntry(ctx.host, containers, 0)];
  const stamp = sha256Hex(stamps.join("\n"));
  const seen = readSeen(ctx.root);
  if (seen?.stamp === stamp) return;
  const parts = { ...hashParts(layers), "containers-policy": hashFile(ctx.host, containers) };
  const changes = Object.entries(parts).flatMap(([part, to]) => {
    const from = seen?.parts[part];
    return from === to ? [] : [{ part, ...(from === undefined ? {} : { from }), to }];
  });
  if (changes.length > 0) ctx.events.report({ type: "config.changed", changes });
  ctx.root.writePlain(SEEN_FILE, JSON.stringify({ stamp, parts } satisfies SeenConfiguration), 0o600);
}

function stampLayer(files: Files): string {
  const entries = [...Object.values(PARTS), SETTINGS_FILE].flatMap((rel) => stampEntry(files, rel, 0));
  return `${files.root}\n${entries.join("\n")}`;
}

function stampEntry(files: Files, rel: string, depth: number): string[] {
  const stat = files.stat(rel);
  if (stat === undefined || depth > MAX_DEPTH) return [];
  if (stat.kind === "dir") return files.list(rel).flatMap((name) => stampEntry(files, `${rel}/${name}`, depth + 1));
  return [`${rel} ${stat.inode} ${stat.sizeBytes} ${stat.modifiedAtMs} ${stat.changedAtMs}`];
}

function hashParts(layers: readonly TrustLayer[]): Record<string, string> {
  const hashes = Object.entries(PARTS).map(([part, dir]) => [
    part,
    hashLayerFiles(layers.flatMap((layer) => readLayerFiles(layer, dir))),
  ]);
  const settings = layers.map(({ files }) => hashFile(files, SETTINGS_FILE));
  return { ...Object.fromEntries(hashes), audit: `sha256:${sha256Hex(settings.join("\n"))}` };
}

/** "absent" is a state too: a policy that appears or goes is a change. */
function hashFile(files: Files, rel: string): string {
  return files.has(rel) ? `sha256:${sha256Hex(files.readBytes(rel, MAX_FILE_BYTES))}` : "absent";
}

function readSeen(root: Files): SeenConfiguration | undefined {
  if (!root.has(SEEN_FILE)) return undefined;
  try {
    return JSON.parse(root.readText(SEEN_FILE)) as SeenConfiguration;
  } catch (reason) {
    if (reason instanceof SyntaxError) return undefined; // cut short by a crash: everything is told again
    throw reason;
  }
}
