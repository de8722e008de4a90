import {
  array,
  boolean,
  integer,
  literal,
  maxLength,
  maxValue,
  minLength,
  minValue,
  number,
  picklist,
  pipe,
  record,
  safeParse,
  strictObject,
  string,
} from "valibot";
import { BaseError } from "../base/base-error.ts";
import { parseJsonStrict } from "../base/json.ts";
import type { CheckpointRecord } from "./checkpoint-record.ts";
import { PodError } from "./errors.ts";
import type { PodManifest } from "./manifest.ts";
import { appNameSchema, manifestSchema, startedSchema } from "./manifest-schema.ts";
import type { StartedApp } from "./resolved-app.ts";
import type { CheckpointedRegime } from "./stage1-contract.ts";

/** First member of an exported checkpoint. */
export const CHECKPOINT_DOCUMENT = "gantry-checkpoint.json";
/** Largest of them, in bytes. */
export const MAX_CHECKPOINT_DOCUMENT_BYTES = 16 * 1024 * 1024;
const VERSION = "v1";

/** Everything an exported checkpoint says of its pod; files follow it in the archive. */
export interface CheckpointDocument {
  readonly gantryKind: "checkpoint";
  readonly gantryVersion: typeof VERSION;
  /** Of the processor, as Node names it: memory is of no use to another one. */
  readonly machine: string;
  readonly manifest: PodManifest;
  readonly record: CheckpointRecord;
  readonly regime: CheckpointedRegime;
  readonly started: Readonly<Record<string, StartedApp>>;
  /** Apps that had ended, and with which code. */
  readonly ended: Readonly<Record<string, number>>;
}

const schema = strictObject({
  gantryKind: literal("checkpoint"),
  gantryVersion: literal(VERSION),
  machine: picklist(["x64", "arm64"]),
  manifest: manifestSchema,
  record: strictObject({
    version: literal(1),
    createdAt: pipe(string(), maxLength(64)),
    apps: pipe(array(appNameSchema), minLength(1)),
    tcpEstablished: boolean(),
    fileLocks: boolean(),
  }),
  regime: strictObject({
    runtime: pipe(string(), maxLength(200)),
    stdin: boolean(),
    tty: boolean(),
  }),
  started: record(appNameSchema, startedSchema),
  ended: record(appNameSchema, pipe(number(), integer(), minValue(0), maxValue(255))),
});

/**
 * Reads a document that anybody may have written. @throws {PodError} "pod/bad-checkpoint" that says which member is wrong
 */
export function parseCheckpointDocument(raw: Uint8Array): CheckpointDocument {
  const value = readJson(raw);
  assertVersion(value);
  const parsed = safeParse(schema, value);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    const where = issue.path?.map(({ key }) => String(key)).join(".") ?? "document";
    throw badCheckpoint(`${where.slice(0, 200)}: ${issue.message.slice(0, 200)}`);
  }
  const document = parsed.output as unknown as CheckpointDocument;
  assertConsistent(document);
  return document;
}

/** What is said of the apps must be of apps there are, each once. */
function assertConsistent({ manifest, record: { apps }, started, ended }: CheckpointDocument): void {
  const names: readonly string[] = manifest.apps.map(({ name }) => name);
  if (new Set(names).size !== names.length) throw badCheckpoint("manifest.apps: two have the same name");
  if (new Set(apps).size !== apps.length) throw badCheckpoint("record.apps: one is there twice");
  const stranger = [...apps, ...Object.keys(started), ...Object.keys(ended)].find((name) => !names.includes(name));
  if (stranger !== undefined) throw badCheckpoint(`app "${stranger}" is not in the manifest`);
  const lost = apps.find((name) => started[name] === undefined || ended[name] !== undefined);
  if (lost !== undefined) throw badCheckpoint(`app "${lost}" is said to run, and not how`);
  const unsaid = names.find((name) => !apps.some((one) => one === name) && ended[name] === undefined);
  if (unsaid !== undefined) throw badCheckpoint(`app "${unsaid}" neither runs nor has ended`);
}

function assertVersion(value: unknown): void {
  const { gantryKind, gantryVersion } = (typeof value === "object" && value !== null ? value : {}) as Record<
    string,
    unknown
  >;
  if (gantryKind !== "checkpoint") throw badCheckpoint(`${CHECKPOINT_DOCUMENT} is not of a checkpoint`);
  if (gantryVersion === VERSION) return;
  throw new PodError(
    "pod/bad-checkpoint",
    `Cannot restore: the checkpoint has version ${JSON.stringify(gantryVersion)?.slice(0, 40)}, this Gantry reads ${VERSION}`,
    {
      hint: "restore it with the version of Gantry that wrote it",
    },
  );
}

function readJson(raw: Uint8Array): unknown {
  try {
    return parseJsonStrict(raw, { limitBytes: MAX_CHECKPOINT_DOCUMENT_BYTES });
  } catch (reason) {
    if (!(reason instanceof BaseError)) throw reason;
    throw badCheckpoint(`${CHECKPOINT_DOCUMENT}: ${reason.message}`, reason);
  }
}

/** An archive that is no checkpoint, or not a whole one. */
export function badCheckpoint(state: string, cause?: unknown): PodError {
  return new PodError(
    "pod/bad-checkpoint",
    `Cannot restore: the checkpoint is malformed: ${state.replace(/^Cannot read layer: /, "")}`,
    {
      hint: "export it again: gantry checkpoint --export FILE POD",
      cause,
    },
  );
}
