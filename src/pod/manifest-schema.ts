import {
  array,
  boolean,
  type InferOutput,
  integer,
  literal,
  maxLength,
  maxValue,
  minLength,
  minValue,
  number,
  optional,
  picklist,
  pipe,
  record,
  regex,
  strictObject,
  string,
  union,
  variant,
} from "valibot";
import type { PodApp, PodManifest } from "./manifest.ts";
import { ULIMIT_NAMES } from "./run-options.ts";

/** Bounded so that nothing a stranger writes can be longer than what a command line takes. */
const text = pipe(string(), maxLength(65_536), regex(/^[^\0]*$/, "has a NUL in it"));
const path = pipe(string(), maxLength(4096), regex(/^\/[^\0]*$/, "is no absolute path"));
const id = pipe(number(), integer(), minValue(0), maxValue(4_294_967_293));
const count = pipe(number(), integer(), minValue(0));
const digest = pipe(string(), regex(/^sha(?:256:[0-9a-f]{64}|512:[0-9a-f]{128})$/, "is no digest"));
const texts = pipe(array(text), maxLength(10_000));
const flag = optional(literal(true));

/** An app's name. */
export const appNameSchema = pipe(string(), maxLength(63), regex(/^[a-z0-9]+(-[a-z0-9]+)*$/, "is no app name"));

const mount = strictObject({
  volume: text,
  target: path,
  readOnly: boolean(),
  propagation: optional(picklist(["private", "rprivate", "slave", "rslave", "shared", "rshared"])),
});

const limit = union([count, literal("unlimited")]);
const volume = variant("kind", [
  strictObject({ kind: literal("host"), name: text, source: path, readOnly: boolean(), recursive: boolean() }),
  strictObject({
    kind: literal("empty"),
    name: pipe(string(), maxLength(255), regex(/^[A-Za-z0-9][A-Za-z0-9_.-]*$/, "is no volume name")),
    modeOctal: pipe(number(), integer(), minValue(0), maxValue(0o7777)),
    uid: id,
    gid: id,
  }),
]);

const security = strictObject({
  seccompProfile: optional(pipe(string(), maxLength(4 * 1024 * 1024))),
  label: optional(union([literal("disable"), record(text, text)])),
  apparmor: optional(text),
  mask: optional(array(path)),
  unmask: optional(texts),
});

const app = strictObject({
  name: appNameSchema,
  image: strictObject({
    name: pipe(text, minLength(1)),
    digest,
    configDigest: digest,
    layers: texts,
    rootLayer: optional(text),
  }),
  argv: pipe(texts, minLength(1)),
  env: texts,
  user: text,
  group: optional(text),
  supplementaryGids: array(id),
  workingDir: path,
  mounts: pipe(array(mount), maxLength(1000)),
  readOnlyRootfs: boolean(),
  capabilities: pipe(array(pipe(string(), regex(/^[A-Z0-9_]{1,64}$/))), maxLength(64)),
  noNewPrivileges: boolean(),
  seccomp: picklist(["default", "unconfined"]),
  syscalls: optional(strictObject({ mode: picklist(["retain", "remove", "exactly"]), names: texts })),
  oomScoreAdj: optional(pipe(number(), integer(), minValue(-1000), maxValue(1000))),
  stopSignal: pipe(string(), regex(/^[A-Za-z0-9+-]{0,32}$/, "is no signal")),
  preStart: optional(texts),
  postStop: optional(texts),
  isolators: optional(
    array(strictObject({ name: text, outcome: picklist(["enforced", "modified", "ignored"]), detail: optional(text) })),
  ),
  limits: optional(strictObject({ memoryBytes: optional(count), cpuMillis: optional(count), pids: optional(count) })),
  ulimits: optional(array(strictObject({ name: picklist(ULIMIT_NAMES), soft: limit, hard: limit }))),
  devices: optional(array(strictObject({ source: path, target: path, access: text }))),
  cdiDevices: optional(texts),
  security: optional(security),
});

const port = pipe(number(), integer(), minValue(1), maxValue(65_535));

/** The manifest of a pod as somebody else may have written it. Strict: what is not known here is refused. */
export const manifestSchema = strictObject({
  gantryKind: literal("pod"),
  gantryVersion: literal("v1"),
  uuid: pipe(string(), regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, "is no UUID")),
  name: optional(text),
  hostname: pipe(string(), regex(/^[A-Za-z0-9]([A-Za-z0-9.-]{0,62}[A-Za-z0-9])?$/, "is no host name")),
  labels: record(text, text),
  autoRemove: flag,
  createdAt: text,
  stage1: strictObject({ regime: picklist(["oci", "gvisor"]) }),
  apps: pipe(array(app), minLength(1), maxLength(256)),
  volumes: pipe(array(volume), maxLength(1000)),
  nets: array(strictObject({ name: text, args: record(text, text) })),
  ports: array(
    strictObject({ hostIp: text, hostPort: port, podPort: port, protocol: picklist(["tcp", "udp", "sctp"]) }),
  ),
  dns: strictObject({
    servers: optional(union([texts, picklist(["host", "none"])])),
    search: texts,
    options: texts,
  }),
  hostsEntries: union([literal("host"), array(strictObject({ ip: text, host: text }))]),
  appcPodManifest: optional(pipe(string(), maxLength(4 * 1024 * 1024))),
  insecureOptions: texts,
  sharing: optional(
    strictObject({
      pid: optional(picklist(["private", "pod", "host"])),
      ipc: optional(picklist(["private", "pod", "host"])),
    }),
  ),
  shmBytes: optional(count),
  sysctls: optional(record(text, text)),
  runtime: optional(text),
  tpm: flag,
  cdiSpecDirs: optional(array(path)),
  hooksDirs: optional(array(path)),
});

type None<T extends never> = T;

/**
 * Members of a manifest and of its apps that the schema does not know: there must be none, or a checkpoint with them would be
 * refused where it was made. Pods with a user namespace have no checkpoints.
 */
export type UnknownMembers = None<
  | Exclude<keyof PodManifest, keyof InferOutput<typeof manifestSchema> | "userns">
  | Exclude<keyof PodApp, keyof InferOutput<typeof app>>
>;

/** What an app was started with, found out in its root file system. */
export const startedSchema = strictObject({
  credentials: strictObject({ uid: id, gid: id, groups: array(id), home: path, userName: text }),
  argv: pipe(texts, minLength(1)),
  env: texts,
});
