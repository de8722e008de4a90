import { describe, expect, test } from "bun:test";
import { configOfManifest, manifestOfConfig } from "../aci/config.ts";
import { parseAciManifest } from "../aci/manifest.ts";
import { digestOf } from "../digest.ts";
import { encodeConfig } from "../encode-document.ts";
import { parseConfig } from "../parse-config.ts";
import { configFromManifest, manifestFromConfig } from "./manifest-from-config.ts";

const DIFF_IDS = [digestOf("base"), digestOf("own")];
const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const text = (raw: Uint8Array) => new TextDecoder().decode(raw);

const APPC = {
  acKind: "ImageManifest",
  acVersion: "0.8.11",
  name: "example.com/app",
  labels: [
    { name: "version", value: "1.0.0" },
    { name: "os", value: "linux" },
    { name: "arch", value: "aarch64" },
  ],
  app: {
    exec: ["/bin/app", "-v"],
    user: "100",
    group: "300",
    workingDirectory: "/opt",
    environment: [{ name: "A", value: "1" }],
    mountPoints: [{ name: "work", path: "/var/work" }],
    ports: [
      { name: "web", protocol: "tcp", port: 80 },
      { name: "many", protocol: "udp", port: 1000, count: 2000 },
    ],
    isolators: [{ name: "resource/memory", value: { limit: "1G" } }],
    userLabels: { team: "blue" },
  },
  annotations: [
    { name: "created", value: "2020-01-02T03:04:05Z" },
    { name: "authors", value: "Ada" },
  ],
};
const OCI = {
  created: "2020-01-02T03:04:05Z",
  author: "Ada",
  architecture: "arm",
  variant: "v7",
  os: "linux",
  config: {
    User: "app",
    Env: ["A=1", "A=2", "0=x"],
    Entrypoint: ["/bin/app"],
    Cmd: ["-v"],
    ExposedPorts: { "80/tcp": {}, "53/udp": {} },
    Volumes: { "/b": {}, "/A": {}, "/a": {} },
    Labels: { "Some Label": "x", "org.opencontainers.image.url": "https://example.com" },
    StopSignal: "SIGQUIT",
    Healthcheck: { Test: ["CMD", "true"] },
  },
  rootfs: { type: "layers", diff_ids: DIFF_IDS },
  history: [{ created_by: "someone" }],
};

describe("from appc to OCI and back", () => {
  test("fields go to their counterparts, everything else stays in the manifest", () => {
    const config = configOfManifest(parseAciManifest(bytes(APPC)), DIFF_IDS);
    expect(config).toMatchObject({
      platform: { os: "linux", architecture: "arm64" },
      entrypoint: ["/bin/app", "-v"],
      user: "100:300",
      workingDir: "/opt",
      volumes: ["/var/work"],
      exposedPorts: [{ port: 80, protocol: "tcp" }],
      createdAt: "2020-01-02T03:04:05Z",
    });
    expect(config.labels).toMatchObject({
      team: "blue",
      "org.opencontainers.image.version": "1.0.0",
      "org.opencontainers.image.authors": "Ada",
    });
  });

  test("the manifest comes back byte for byte, whatever its white space and length", () => {
    const long = { ...APPC, pathWhitelist: Array.from({ length: 9000 }, (_, i) => `/some/path/é/${i}`) };
    for (const value of [APPC, long]) {
      const raw = new TextEncoder().encode(`${JSON.stringify(value, undefined, "\t ")}\n\n`);
      const config = parseConfig(encodeConfig(configOfManifest(parseAciManifest(raw), DIFF_IDS)));
      expect(text(manifestOfConfig(config)?.raw ?? bytes(""))).toBe(text(raw));
    }
  });

  test("an image that was changed since, or built on top of it, is another image", () => {
    const config = configOfManifest(parseAciManifest(bytes(APPC)), DIFF_IDS);
    expect(manifestOfConfig({ ...config, cmd: ["other"] })).toBeUndefined();
    expect(manifestOfConfig({ ...config, diffIds: [...DIFF_IDS, digestOf("more")] })).toBeUndefined();
    expect(manifestOfConfig({ ...config, labels: {} })).toBeUndefined();
  });
});

describe("from OCI to appc and back", () => {
  test("fields go to their counterparts", () => {
    const manifest = manifestFromConfig(bytes(OCI), { name: "example.com/app", version: "2" });
    expect(manifest.app).toMatchObject({
      exec: ["/bin/app", "-v"],
      user: "app",
      group: "0",
      environment: [{ name: "A", value: "2" }],
      mountPoints: [
        { name: "volume-a", path: "/A" },
        { name: "volume-a-2", path: "/a" },
        { name: "volume-b", path: "/b" },
      ],
      userLabels: { "Some Label": "x" },
    });
    expect(manifest.app?.ports.map(({ name }) => name)).toEqual(["53-udp", "80-tcp"]);
    expect(manifest.labels).toContainEqual({ name: "arch", value: "armv7l" });
    expect(manifest.annotations).toContainEqual({ name: "homepage", value: "https://example.com" });
  });

  test("the config comes back with everything that does not depend on layers; the second manifest is the first", () => {
    const name = { name: "example.com/app", version: "2" };
    const first = manifestFromConfig(bytes(OCI), name);
    const back = configFromManifest(first, [digestOf("flat")]);
    const { rootfs: _r, history: _h, ...kept } = OCI;
    expect(JSON.parse(text(back ?? bytes({})))).toEqual({
      ...kept,
      rootfs: { type: "layers", diff_ids: [digestOf("flat")] },
    });
    expect(text(manifestFromConfig(back ?? bytes({}), name).raw)).toBe(text(first.raw));
  });

  test("a manifest that was edited does not bring the old config back", () => {
    const first = manifestFromConfig(bytes(OCI));
    const edited = parseAciManifest(new TextEncoder().encode(text(first.raw).replace('"/bin/app"', '"/bin/sh"')));
    expect(configFromManifest(edited, DIFF_IDS)).toBeUndefined();
  });

  test("the same config gets the same name on every machine, also when keys are in another order", () => {
    const { os, ...rest } = OCI;
    expect(manifestFromConfig(bytes({ ...rest, os })).name).toBe(manifestFromConfig(bytes(OCI)).name);
  });

  test("a platform that appc has no word for is refused, and so is a name it cannot have", () => {
    expect(() => manifestFromConfig(bytes({ ...OCI, architecture: "riscv64" }))).toThrowCode("image/no-counterpart");
    expect(() => manifestFromConfig(bytes(OCI), { name: "localhost:5000/App" })).toThrowCode("image/bad-reference");
  });
});
