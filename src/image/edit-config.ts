import { decodeDocument } from "./decode-document.ts";
import type { Platform } from "./descriptor.ts";
import type { Digest } from "./digest.ts";

/** Changes to an image's configuration; what is left out stays as it was. */
export interface ConfigEdits {
  readonly entrypoint?: readonly string[];
  readonly cmd?: readonly string[];
  /** `NAME=value`; a name the image has already is replaced where it stands. */
  readonly env?: readonly string[];
  readonly user?: string;
  readonly workingDir?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  /** `80` or `80/udp`. */
  readonly exposedPorts?: readonly string[];
  readonly stopSignal?: string;
}

/** What a new configuration is made of. */
export interface ConfigInput {
  /** Configuration of the image built upon; undefined for an image from nothing. */
  readonly base: Uint8Array | undefined;
  readonly platform: Platform;
  readonly edits: ConfigEdits;
  /** Layers added on top: diffID and how they came about. */
  readonly layers: readonly { readonly diffId: Digest; readonly createdBy: string }[];
  /** RFC 3339. */
  readonly createdAt: string;
}

type Fields = Record<string, unknown>;

/**
 * The configuration of a derived image. Everything the base says and nobody changes stays, unknown fields too; a new
 * entrypoint drops the old command, which was meant for the old one. The same input gives the same bytes.
 * @throws {ImageError} "image/bad-config" for a base that is no JSON object.
 * Spec: OCI image-spec v1.1.0, config.md.
 */
export function editConfig(input: ConfigInput): Uint8Array {
  const { base, platform, layers, createdAt } = input;
  const before = base === undefined ? {} : fieldsOf(decodeDocument(base, "image/bad-config", "image config"));
  const rootfs = fieldsOf(before["rootfs"]);
  const diffIds = Array.isArray(rootfs["diff_ids"]) ? rootfs["diff_ids"] : [];
  const history = historyOf(before["history"], {
    layers,
    createdAt,
    isWhole: base === undefined || diffIds.length === 0,
  });
  const after: Fields = {
    ...before,
    created: createdAt,
    architecture: platform.architecture,
    os: platform.os,
    ...(platform.variant === undefined ? {} : { variant: platform.variant }),
    config: editRun(fieldsOf(before["config"]), input.edits),
    rootfs: { type: "layers", diff_ids: [...diffIds, ...layers.map(({ diffId }) => diffId)] },
    ...(history === undefined ? {} : { history }),
  };
  return new TextEncoder().encode(JSON.stringify(after));
}

function editRun(before: Fields, edits: ConfigEdits): Fields {
  const { entrypoint, cmd, env, user, workingDir, labels, volumes, exposedPorts, stopSignal } = edits;
  const after: Fields = { ...before };
  if (entrypoint !== undefined) {
    after["Entrypoint"] = entrypoint;
    delete after["Cmd"];
  }
  if (cmd !== undefined) after["Cmd"] = cmd;
  if (env !== undefined && env.length > 0) after["Env"] = mergeEnv(before["Env"], env);
  if (user !== undefined) after["User"] = user;
  if (workingDir !== undefined) after["WorkingDir"] = workingDir;
  if (stopSignal !== undefined) after["StopSignal"] = stopSignal;
  if (labels !== undefined) after["Labels"] = sorted({ ...fieldsOf(before["Labels"]), ...labels });
  if (volumes !== undefined) after["Volumes"] = sorted({ ...fieldsOf(before["Volumes"]), ...keys(volumes) });
  if (exposedPorts !== undefined) {
    const named = exposedPorts.map((port) => (port.includes("/") ? port : `${port}/tcp`));
    after["ExposedPorts"] = sorted({ ...fieldsOf(before["ExposedPorts"]), ...keys(named) });
  }
  return after;
}

function mergeEnv(before: unknown, added: readonly string[]): readonly string[] {
  const byName = new Map<string, string>();
  for (const entry of [...(Array.isArray(before) ? before.map(String) : []), ...added]) {
    byName.set(entry.slice(0, Math.max(0, entry.indexOf("=")) || entry.length), entry);
  }
  return [...byName.values()];
}

/** A history that does not tell of every layer of the base confuses tools more than none. */
function historyOf(
  before: unknown,
  { layers, createdAt, isWhole }: Pick<ConfigInput, "layers" | "createdAt"> & { readonly isWhole: boolean },
): readonly unknown[] | undefined {
  const known: readonly unknown[] = Array.isArray(before) ? before : [];
  if (known.length === 0 && !isWhole) return undefined;
  const added = layers.map(({ createdBy }) => ({ created: createdAt, created_by: createdBy }));
  const nothing = { created: createdAt, created_by: "gantry image build", empty_layer: true };
  return [...known, ...(added.length === 0 ? [nothing] : added)];
}

function keys(names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(names.map((name) => [name, {}]));
}

function sorted(map: Fields): Fields {
  return Object.fromEntries(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {};
}
