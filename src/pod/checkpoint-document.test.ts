import { expect, test } from "bun:test";
import "../testing/to-throw-code.ts";
import { parseCheckpointDocument } from "./checkpoint-document.ts";

const DIGEST = `sha256:${"a".repeat(64)}`;

const APP = {
  name: "web",
  image: { name: "example.com/app:1", digest: DIGEST, configDigest: DIGEST, layers: ["sha256-b"] },
  argv: ["/bin/web"],
  env: ["A=b"],
  user: "",
  supplementaryGids: [],
  workingDir: "/",
  mounts: [{ volume: "data", target: "/data", readOnly: false }],
  readOnlyRootfs: false,
  capabilities: ["CHOWN"],
  noNewPrivileges: true,
  seccomp: "default",
  stopSignal: "SIGTERM",
};

const MANIFEST = {
  gantryKind: "pod",
  gantryVersion: "v1",
  uuid: "00000000-0000-4000-8000-000000000000",
  hostname: "web",
  labels: {},
  createdAt: "2026-01-01T00:00:00.000Z",
  stage1: { regime: "oci" },
  apps: [APP],
  volumes: [{ kind: "empty", name: "data", modeOctal: 493, uid: 0, gid: 0 }],
  nets: [],
  ports: [],
  dns: { search: [], options: [] },
  hostsEntries: [],
  insecureOptions: [],
};

const STARTED = {
  credentials: { uid: 0, gid: 0, groups: [], home: "/", userName: "root" },
  argv: ["/bin/web"],
  env: [],
};

const DOCUMENT = {
  gantryKind: "checkpoint",
  gantryVersion: "v1",
  machine: "x64",
  manifest: MANIFEST,
  record: { version: 1, createdAt: "", apps: ["web"], tcpEstablished: false, fileLocks: false },
  regime: { runtime: "runc", stdin: false, tty: false },
  started: { web: STARTED },
  ended: {},
};

const parse = (value: unknown) => parseCheckpointDocument(new TextEncoder().encode(JSON.stringify(value)));

test("parseCheckpointDocument() reads what an export writes", () => {
  expect(parse(DOCUMENT)).toEqual(DOCUMENT as never);
});

const app = (change: object) => ({ ...DOCUMENT, manifest: { ...MANIFEST, apps: [{ ...APP, ...change }] } });
const pod = (change: object) => ({ ...DOCUMENT, manifest: { ...MANIFEST, ...change } });

test.each([
  ["no object", null],
  ["another kind", { ...DOCUMENT, gantryKind: "pod" }],
  ["a version to come", { ...DOCUMENT, gantryVersion: "v2" }],
  ["a member it does not know", { ...DOCUMENT, extra: 1 }],
  ["an option it does not know", pod({ extra: 1 })],
  ["another processor", { ...DOCUMENT, machine: "z80" }],
  ["a regime that has no checkpoints", pod({ stage1: { regime: "fly" } })],
  ["a stage1 of its own", pod({ stage1: { regime: "oci", entries: {} } })],
  ["no app", pod({ apps: [] })],
  ["two apps of one name", pod({ apps: [APP, APP] })],
  ["an app name that leads out", app({ name: "../web" })],
  ["an app name that is hidden", app({ name: ".init" })],
  ["a digest that is none", app({ image: { ...APP.image, digest: "sha256:../x" } })],
  ["a relative working directory", app({ workingDir: "x" })],
  ["a NUL in the environment", app({ env: ["A=\0"] })],
  ["a volume name that leads out", pod({ volumes: [{ ...MANIFEST.volumes[0], name: "../x" }] })],
  ["a host name that is none", pod({ hostname: "a b" })],
  ["a port beyond the last", pod({ ports: [{ hostIp: "", hostPort: 70_000, podPort: 1, protocol: "tcp" }] })],
  ["an app that ran and is not there", { ...DOCUMENT, record: { ...DOCUMENT.record, apps: ["db"] } }],
  ["an app that ran twice", { ...DOCUMENT, record: { ...DOCUMENT.record, apps: ["web", "web"] } }],
  ["an app that ran and had ended", { ...DOCUMENT, ended: { web: 0 } }],
  ["an app of which nothing is said", pod({ apps: [APP, { ...APP, name: "db" }] })],
  ["how a stranger was started", { ...DOCUMENT, started: { web: STARTED, db: STARTED } }],
])("parseCheckpointDocument() refuses %s", (_, value) => {
  expect(() => parse(value)).toThrowCode("pod/bad-checkpoint");
});

test("parseCheckpointDocument() refuses what is no JSON, or has a key twice", () => {
  for (const text of ["", "{", "\xff", '{"gantryKind":"checkpoint","gantryKind":"checkpoint"}'])
    expect(() => parseCheckpointDocument(new TextEncoder().encode(text))).toThrowCode("pod/bad-checkpoint");
});
