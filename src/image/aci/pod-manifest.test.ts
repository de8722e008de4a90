import { describe, expect, test } from "bun:test";
import { digestOf } from "../digest.ts";
import { ImageError } from "../errors.ts";
import { formatImageId } from "./identifier.ts";
import { parseAciPodManifest } from "./pod-manifest.ts";

const ID = formatImageId(digestOf("image", "sha512"));
const APP = {
  name: "worker",
  image: { id: ID, name: "example.com/worker", labels: [{ name: "version", value: "1.0.0" }] },
};
const HOST = { name: "worklib", kind: "host", source: "/opt/work", readOnly: true };
const GOOD = {
  acVersion: "0.8.11",
  acKind: "PodManifest",
  apps: [{ ...APP, readOnlyRootFS: true, mounts: [{ volume: "worklib", path: "/var/lib/work" }] }],
  volumes: [HOST, { name: "scratch", kind: "empty", mode: "1777", uid: 5 }],
  isolators: [{ name: "resource/memory", value: { limit: "4G" } }],
  annotations: [{ name: "ip-address", value: "10.1.2.3" }],
  ports: [{ name: "ftp", hostPort: 2121, hostIP: "127.0.0.1" }],
};
const parse = (value: unknown) => parseAciPodManifest(new TextEncoder().encode(JSON.stringify(value)));
const app = (fields: object) => ({ ...GOOD, apps: [{ ...APP, ...fields }] });
const volume = (fields: object) => ({ ...GOOD, volumes: [fields] });
const port = (fields: object) => ({ ...GOOD, ports: [{ name: "ftp", hostPort: 21, ...fields }] });

const RULES: readonly (readonly [rule: string, document: unknown, path: string])[] = [
  ["acKind is PodManifest", { ...GOOD, acKind: "ImageManifest" }, "acKind"],
  ["acVersion is required", { ...GOOD, acVersion: null }, "acVersion"],
  ["there is an app", { ...GOOD, apps: [] }, "apps"],
  ["apps are a list", { ...GOOD, apps: {} }, "apps"],
  ["app names are AC Names", app({ name: "a.b" }), "apps[0].name"],
  ["app names are unique", { ...GOOD, apps: [APP, APP] }, "apps[1].name"],
  ["images are named by ID", app({ image: { name: "example.com/worker" } }), "apps[0].image.id"],
  ["image names are AC Identifiers", app({ image: { id: ID, name: "A" } }), "apps[0].image.name"],
  [
    "image labels are labels",
    app({ image: { id: ID, labels: [{ name: "os", value: "x" }] } }),
    "apps[0].image.labels[0].value",
  ],
  ["an app section is checked like an image's", app({ app: { user: "0" } }), "apps[0].app.group"],
  ["mounts name a volume", app({ mounts: [{ path: "/a" }] }), "apps[0].mounts[0].volume"],
  ["mounts have an absolute path", app({ mounts: [{ volume: "a", path: "b" }] }), "apps[0].mounts[0].path"],
  [
    "own volumes are checked",
    app({ mounts: [{ volume: "a", path: "/a", appVolume: { name: "a", kind: "tape" } }] }),
    "apps[0].mounts[0].appVolume.kind",
  ],
  ["volume names are unique", { ...GOOD, volumes: [HOST, HOST] }, "volumes[1].name"],
  ["volumes are host or empty", volume({ name: "a", kind: "tape" }), "volumes[0].kind"],
  ["host volumes have an absolute source", volume({ name: "a", kind: "host", source: "a" }), "volumes[0].source"],
  ["host volumes have no mode", volume({ ...HOST, mode: "0755" }), "volumes[0].mode"],
  ["empty volumes have no source", volume({ name: "a", kind: "empty", source: "/a" }), "volumes[0].source"],
  ["modes are octal", volume({ name: "a", kind: "empty", mode: "rwx" }), "volumes[0].mode"],
  ["owners are numbers", volume({ name: "a", kind: "empty", uid: "root" }), "volumes[0].uid"],
  ["ports have a host port", { ...GOOD, ports: [{ name: "ftp" }] }, "ports[0].hostPort"],
  ["host ports are ports", port({ hostPort: 70000 }), "ports[0].hostPort"],
  ["host addresses are IPv4", port({ hostIP: "::1" }), "ports[0].hostIP"],
  ["pod ports are checked", port({ podPort: { name: "x", protocol: "tcp", port: 0 } }), "ports[0].podPort.port"],
  [
    "isolators are checked",
    { ...GOOD, isolators: [{ name: "resource/cpu", value: { limit: "x" } }] },
    "isolators[0].value.limit",
  ],
  [
    "annotations are unique",
    { ...GOOD, annotations: [...GOOD.annotations, ...GOOD.annotations] },
    "annotations[1].name",
  ],
]; // prettier-ignore

describe("parseAciPodManifest()", () => {
  test("reads the specification's example", () => {
    const pod = parse(GOOD);
    expect(pod.apps[0]?.image.id).toBe(digestOf("image", "sha512"));
    expect(pod.volumes).toEqual([
      { kind: "host", name: "worklib", source: "/opt/work", readOnly: true, recursive: true },
      { kind: "empty", name: "scratch", readOnly: false, modeOctal: 0o1777, uid: 5, gid: 0 },
    ]);
  });

  for (const [rule, document, path] of RULES) {
    test(rule, () => {
      let problems: string[] = [];
      try {
        parse(document);
      } catch (reason) {
        if (!(reason instanceof ImageError)) throw reason;
        problems = [...(reason.data as { problems: string[] }).problems];
      }
      expect(problems.map((line) => line.slice(0, line.indexOf(": ")))).toContain(path);
    });
  }
});
