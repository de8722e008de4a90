import { describe, expect, test } from "bun:test";
import { digestOf } from "../digest.ts";
import { ImageError } from "../errors.ts";
import { formatImageId, parseImageId } from "./identifier.ts";
import { parseAciManifest } from "./manifest.ts";
import { OS_ARCH } from "./name-values.ts";
import { parseQuantity } from "./quantity.ts";

const ID = formatImageId(digestOf("image", "sha512"));
const GOOD = {
  acKind: "ImageManifest",
  acVersion: "0.8.11",
  name: "example.com/reduce-worker",
  labels: [
    { name: "version", value: "1.0.0" },
    { name: "arch", value: "amd64" },
    { name: "os", value: "linux" },
  ],
  app: {
    exec: ["/usr/bin/reduce-worker", "--quiet"],
    user: "100",
    group: "300",
    supplementaryGids: [400, 500],
    eventHandlers: [
      { exec: ["/usr/bin/data-downloader"], name: "pre-start" },
      { exec: ["/usr/bin/deregister-worker", "--verbose"], name: "post-stop" },
    ],
    workingDirectory: "/opt/work",
    environment: [{ name: "REDUCE_WORKER_DEBUG", value: "true" }],
    isolators: [
      { name: "resource/cpu", value: { request: "250m", limit: "500m" } },
      { name: "resource/memory", value: { request: "1G", limit: "2G" } },
      { name: "os/linux/capabilities-retain-set", value: { set: ["CAP_NET_BIND_SERVICE"] } },
      { name: "example.com/own", value: 7 },
    ],
    mountPoints: [{ name: "work", path: "/var/lib/work", readOnly: false }],
    ports: [
      { name: "health", port: 4000, protocol: "tcp", socketActivated: true },
      { name: "ftp-data", port: 20000, count: 1000, protocol: "tcp" },
    ],
    userLabels: { "Any Key": "value" },
  },
  dependencies: [
    { imageName: "example.com/base", imageID: ID, labels: [{ name: "os", value: "linux" }], size: 22017258 },
  ],
  pathWhitelist: ["/etc/ca/example.com/crt", "/etc/systemd/system/"],
  annotations: [
    { name: "created", value: "2014-10-27T19:32:27.67021798Z" },
    { name: "homepage", value: "https://example.com" },
    { name: "appc.io/executor/supports-systemd-notify", value: "false" },
  ],
};

const parse = (value: unknown) => parseAciManifest(new TextEncoder().encode(JSON.stringify(value)));
const withApp = (fields: object) => ({ ...GOOD, app: { ...GOOD.app, ...fields } });
const isolator = (name: string, value: unknown) => withApp({ isolators: [{ name, value }] });

/** Problems of a document, one line per field. */
function problemsOf(value: unknown): string[] {
  try {
    parse(value);
  } catch (reason) {
    if (!(reason instanceof ImageError)) throw reason;
    expect(reason.code).toBe("image/bad-manifest");
    return [...(reason.data as { problems: string[] }).problems];
  }
  return [];
}

describe("parseAciManifest()", () => {
  test("reads the specification's example and keeps the bytes", () => {
    const raw = new TextEncoder().encode(JSON.stringify(GOOD));
    const manifest = parseAciManifest(raw);
    expect(manifest.raw).toBe(raw);
    expect(manifest).toMatchObject({ name: "example.com/reduce-worker", acVersion: "0.8.11" });
    expect(manifest.app).toMatchObject({
      supplementaryGids: [400, 500],
      ports: [
        { name: "health", port: 4000, count: 1, socketActivated: true },
        { name: "ftp-data", port: 20000, count: 1000, socketActivated: false },
      ],
      userLabels: { "Any Key": "value" },
    });
    expect(manifest.app?.isolators.map(({ setting }) => setting.kind)).toEqual([
      "resource",
      "resource",
      "capabilities",
      "unknown",
    ]);
    expect(manifest.dependencies[0]?.imageId).toBe(digestOf("image", "sha512"));
    expect(manifest.dependencies[0]?.sizeBytes).toBe(22017258);
  });

  test("an app, labels and annotations may be missing", () => {
    const manifest = parse({ acKind: "ImageManifest", acVersion: "0.8.11+git", name: "a" });
    expect(manifest.app).toBeUndefined();
    expect(manifest.labels).toEqual([]);
  });

  test("every problem of a document is named by its path", () => {
    const problems = problemsOf({
      ...withApp({ user: "", workingDirectory: "opt", ports: [{ name: "A", port: 0, protocol: "tcp" }] }),
      acKind: "PodManifest",
      name: "Example.com/x",
    });
    for (const path of ["acKind", "name", "app.user", "app.workingDirectory", "app.ports[0].name", "app.ports[0].port"])
      expect(problems.some((line) => line.startsWith(`${path}: `))).toBe(true);
    expect(problems).toHaveLength(6);
  });

  for (const [os, archs] of OS_ARCH) {
    test(`accepts every architecture of ${os}`, () => {
      for (const arch of archs)
        expect(
          problemsOf({
            ...GOOD,
            labels: [
              { name: "os", value: os },
              { name: "arch", value: arch },
            ],
          }),
        ).toEqual([]);
    });
  }
});

const label = (name: string, value = "x") => ({ ...GOOD, labels: [{ name, value }] });
const annotation = (name: string, value: string) => ({ ...GOOD, annotations: [{ name, value }] });
const dependency = (fields: object) => ({ ...GOOD, dependencies: [{ imageName: "example.com/base", ...fields }] });
const port = (fields: object) => withApp({ ports: [{ name: "web", port: 80, protocol: "tcp", ...fields }] });

/** A rule of the specification, a document that breaks it, and the path that must be named. */
const RULES: readonly (readonly [rule: string, document: unknown, path: string])[] = [
  ["acKind is ImageManifest", { ...GOOD, acKind: "imagemanifest" }, "acKind"],
  ["acVersion is required", { ...GOOD, acVersion: undefined }, "acVersion"],
  ["acVersion is not empty", { ...GOOD, acVersion: "" }, "acVersion"],
  ["acVersion is SemVer 2", { ...GOOD, acVersion: "0.8" }, "acVersion"],
  ["acVersion has no leading zeros", { ...GOOD, acVersion: "0.08.1" }, "acVersion"],
  ["acVersion is not zero", { ...GOOD, acVersion: "0.0.0" }, "acVersion"],
  ["acVersion has our major version", { ...GOOD, acVersion: "1.0.0" }, "acVersion"],
  ["name is required", { ...GOOD, name: undefined }, "name"],
  ["name is lower case", { ...GOOD, name: "Example" }, "name"],
  ["name ends alphanumeric", { ...GOOD, name: "example.com/" }, "name"],
  ["name has single separators", { ...GOOD, name: "example.com//x" }, "name"],
  ["name is text", { ...GOOD, name: 7 }, "name"],
  ["label names are AC Identifiers", label("A b"), "labels[0].name"],
  ['no label is called "name"', label("name"), "labels[0].name"],
  [
    "label names are unique",
    {
      ...GOOD,
      labels: [
        { name: "a", value: "" },
        { name: "a", value: "" },
      ],
    },
    "labels[1].name",
  ],
  ["label values are text", { ...GOOD, labels: [{ name: "a", value: 1 }] }, "labels[0].value"],
  ["os is known", label("os", "plan9"), "labels[0].value"],
  [
    "arch fits os",
    {
      ...GOOD,
      labels: [
        { name: "os", value: "linux" },
        { name: "arch", value: "x86_64" },
      ],
    },
    "labels[1].value",
  ],
  ["user is required", withApp({ user: undefined }), "app.user"],
  ["group is required", withApp({ group: "" }), "app.group"],
  ["exec is a list", withApp({ exec: "/bin/sh" }), "app.exec"],
  ["exec holds text", withApp({ exec: [1] }), "app.exec[0]"],
  ["group ids are numbers", withApp({ supplementaryGids: ["1"] }), "app.supplementaryGids[0]"],
  ["group ids are not negative", withApp({ supplementaryGids: [-1] }), "app.supplementaryGids[0]"],
  ["group ids come in one spelling", withApp({ supplementaryGIDs: [1] }), "app.supplementaryGids"],
  [
    "event handlers are pre-start or post-stop",
    withApp({ eventHandlers: [{ name: "start", exec: ["/a"] }] }),
    "app.eventHandlers[0].name",
  ],
  [
    "there is one event handler of a name",
    withApp({
      eventHandlers: [
        { name: "pre-start", exec: ["/a"] },
        { name: "pre-start", exec: ["/b"] },
      ],
    }),
    "app.eventHandlers[1].name",
  ],
  ["event handlers name a program", withApp({ eventHandlers: [{ name: "pre-start" }] }), "app.eventHandlers[0].exec"],
  ["workingDirectory is absolute", withApp({ workingDirectory: "work" }), "app.workingDirectory"],
  [
    "environment names are identifiers",
    withApp({ environment: [{ name: "1A", value: "" }] }),
    "app.environment[0].name",
  ],
  ["environment names are not empty", withApp({ environment: [{ name: "", value: "" }] }), "app.environment[0].name"],
  [
    "environment names are unique",
    withApp({
      environment: [
        { name: "A", value: "1" },
        { name: "A", value: "2" },
      ],
    }),
    "app.environment[1].name",
  ],
  ["mount points have a name", withApp({ mountPoints: [{ path: "/a" }] }), "app.mountPoints[0].name"],
  [
    "mount point names are AC Names",
    withApp({ mountPoints: [{ name: "a.b", path: "/a" }] }),
    "app.mountPoints[0].name",
  ],
  ["mount points have a path", withApp({ mountPoints: [{ name: "a", path: "" }] }), "app.mountPoints[0].path"],
  ["mount points stay inside", withApp({ mountPoints: [{ name: "a", path: "/../etc" }] }), "app.mountPoints[0].path"],
  [
    "readOnly is a truth value",
    withApp({ mountPoints: [{ name: "a", path: "/a", readOnly: "yes" }] }),
    "app.mountPoints[0].readOnly",
  ],
  ["port names are AC Names", port({ name: "Web" }), "app.ports[0].name"],
  ["ports have a protocol", port({ protocol: undefined }), "app.ports[0].protocol"],
  ["ports begin at 1", port({ port: 0 }), "app.ports[0].port"],
  ["ports end at 65535", port({ port: 65536 }), "app.ports[0].port"],
  ["port counts are positive", port({ count: -1 }), "app.ports[0].count"],
  ["port ranges end at 65535", port({ port: 65535, count: 2 }), "app.ports[0].count"],
  ["socketActivated is a truth value", port({ socketActivated: 1 }), "app.ports[0].socketActivated"],
  ["isolators have a name", withApp({ isolators: [{ value: 1 }] }), "app.isolators[0].name"],
  ["isolators have a value", withApp({ isolators: [{ name: "example.com/x" }] }), "app.isolators[0].value"],
  ["memory is a quantity", isolator("resource/memory", { limit: "1X" }), "app.isolators[0].value.limit"],
  ["memory is not negative", isolator("resource/memory", { limit: "-1" }), "app.isolators[0].value.limit"],
  [
    "memory is no default",
    isolator("resource/memory", { default: true, limit: "1G" }),
    "app.isolators[0].value.default",
  ],
  ["cpu is no default", isolator("resource/cpu", { default: true, limit: "1" }), "app.isolators[0].value.default"],
  ["bandwidth is a default", isolator("resource/network-bandwidth", { limit: "1G" }), "app.isolators[0].value.default"],
  [
    "bandwidth has no request",
    isolator("resource/block-iops", { default: true, request: "1" }),
    "app.isolators[0].value.request",
  ],
  [
    "capability sets are not empty",
    isolator("os/linux/capabilities-retain-set", { set: [] }),
    "app.isolators[0].value.set",
  ],
  [
    "capabilities have names",
    isolator("os/linux/capabilities-remove-set", { set: ["kill"] }),
    "app.isolators[0].value.set[0]",
  ],
  [
    "capability sets do not conflict",
    withApp({
      isolators: [
        { name: "os/linux/capabilities-retain-set", value: { set: ["CAP_KILL"] } },
        { name: "os/linux/capabilities-remove-set", value: { set: ["CAP_KILL"] } },
      ],
    }),
    "app.isolators[1].name",
  ],
  ["seccomp sets are not empty", isolator("os/linux/seccomp-retain-set", { set: [] }), "app.isolators[0].value.set"],
  [
    "seccomp errno begins with E",
    isolator("os/linux/seccomp-retain-set", { set: ["read"], errno: "NOPE" }),
    "app.isolators[0].value.errno",
  ],
  [
    "seccomp sets do not conflict",
    withApp({
      isolators: [
        { name: "os/linux/seccomp-retain-set", value: { set: ["read"] } },
        { name: "os/linux/seccomp-remove-set", value: { set: ["read"] } },
      ],
    }),
    "app.isolators[1].name",
  ],
  [
    "there is one seccomp set",
    withApp({
      isolators: [
        { name: "os/linux/seccomp-retain-set", value: { set: ["read"] } },
        { name: "os/linux/seccomp-retain-set", value: { set: ["read"] } },
      ],
    }),
    "app.isolators[1].name",
  ],
  ["no-new-privileges is a truth value", isolator("os/linux/no-new-privileges", "true"), "app.isolators[0].value"],
  ["oom-score-adj is at most 1000", isolator("os/linux/oom-score-adj", 1001), "app.isolators[0].value"],
  ["cpu-shares are at least 2", isolator("os/linux/cpu-shares", 1), "app.isolators[0].value"],
  [
    "there is one cpu-shares",
    withApp({
      isolators: [
        { name: "os/linux/cpu-shares", value: 2 },
        { name: "os/linux/cpu-shares", value: 2 },
      ],
    }),
    "app.isolators[1].name",
  ],
  [
    "SELinux contexts are complete",
    isolator("os/linux/selinux-context", { user: "u", role: "r", type: "t:x", level: "s0" }),
    "app.isolators[0].value.type",
  ],
  [
    "AppArmor profiles have a name",
    isolator("os/linux/apparmor-profile", { profile: "" }),
    "app.isolators[0].value.profile",
  ],
  [
    "sysctls are text",
    isolator("os/unix/sysctl", { "net.core.somaxconn": 1 }),
    "app.isolators[0].value.net.core.somaxconn",
  ],
  ["user annotations are text", withApp({ userAnnotations: { a: 1 } }), "app.userAnnotations.a"],
  ["user labels are text", withApp({ userLabels: { a: {} } }), "app.userLabels.a"],
  ["dependencies have a name", { ...GOOD, dependencies: [{}] }, "dependencies[0].imageName"],
  ["dependency IDs are sha512", dependency({ imageID: `sha256-${"0".repeat(64)}` }), "dependencies[0].imageID"],
  ["dependency IDs are whole", dependency({ imageID: "sha512-abcd" }), "dependencies[0].imageID"],
  [
    "dependency labels are labels",
    dependency({ labels: [{ name: "name", value: "" }] }),
    "dependencies[0].labels[0].name",
  ],
  ["dependency sizes are not negative", dependency({ size: -1 }), "dependencies[0].size"],
  ["white-listed paths are absolute", { ...GOOD, pathWhitelist: ["etc"] }, "pathWhitelist[0]"],
  ["white-listed paths stay inside", { ...GOOD, pathWhitelist: ["/a/../../b"] }, "pathWhitelist[0]"],
  ["annotation names are AC Identifiers", annotation("A", "x"), "annotations[0].name"],
  [
    "annotation names are unique",
    {
      ...GOOD,
      annotations: [
        { name: "a", value: "" },
        { name: "a", value: "" },
      ],
    },
    "annotations[1].name",
  ],
  ["created is a timestamp", annotation("created", "2014-10-27"), "annotations[0].value"],
  ['created has a "T"', annotation("created", "2014-10-27 19:32:27Z"), "annotations[0].value"],
  ["created exists in the calendar", annotation("created", "2014-13-27T19:32:27Z"), "annotations[0].value"],
  ["homepage is a URL", annotation("homepage", "example"), "annotations[0].value"],
  ["documentation is http or https", annotation("documentation", "ftp://example.com"), "annotations[0].value"],
  [
    "supports-systemd-notify is true or false",
    annotation("appc.io/executor/supports-systemd-notify", "yes"),
    "annotations[0].value",
  ],
]; // prettier-ignore

describe("rules of the appc image manifest", () => {
  for (const [rule, document, path] of RULES) {
    test(rule, () => {
      const problems = problemsOf(document);
      expect(problems.map((line) => line.slice(0, line.indexOf(": ")))).toContain(path);
    });
  }

  test("JSON that two readers could understand differently is refused", () => {
    const twice = '{"acKind":"ImageManifest","acVersion":"0.8.11","name":"a","name":"b"}';
    expect(() => parseAciManifest(new TextEncoder().encode(twice))).toThrowCode("image/bad-manifest");
  });
});

test("parseQuantity() reads decimal, binary, fractional and exponent forms exactly", () => {
  expect(parseQuantity("1")).toBe(1000n);
  expect(parseQuantity("250m")).toBe(250n);
  expect(parseQuantity("1.5G")).toBe(1_500_000_000_000n);
  expect(parseQuantity("64Mi")).toBe(67_108_864_000n);
  expect(parseQuantity("1e3")).toBe(1_000_000n);
  expect(parseQuantity("1u")).toBe(1n);
  for (const bad of ["", "G", "1 G", "1Kib", "0x1", "--1", "9999999999999999999E"])
    expect(parseQuantity(bad)).toBeUndefined();
});

test("parseImageId() takes whole lower-case sha512 IDs only", () => {
  expect(parseImageId(ID)).toBe(digestOf("image", "sha512"));
  for (const bad of ["", "sha512-", `${ID}0`, ID.toUpperCase(), ID.replace("-", ":")])
    expect(parseImageId(bad)).toBeUndefined();
});
