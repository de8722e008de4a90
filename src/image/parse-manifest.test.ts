import { describe, expect, test } from "bun:test";
import { assertLayersMatch } from "./assert-layers-match.ts";
import { digestOf } from "./digest.ts";
import { encodeConfig, encodeIndex, encodeManifest } from "./encode-document.ts";
import { ImageError } from "./errors.ts";
import {
  DOCKER_MANIFEST,
  DOCKER_MANIFEST_LIST,
  OCI_CONFIG,
  OCI_INDEX,
  OCI_LAYER_GZIP,
  OCI_MANIFEST,
} from "./media-types.ts";
import { parseConfig } from "./parse-config.ts";
import { parseIndex } from "./parse-index.ts";
import { parseManifest } from "./parse-manifest.ts";

const CONFIG = { mediaType: OCI_CONFIG, digest: digestOf("c"), sizeBytes: 1, annotations: {} };
const LAYER = { mediaType: OCI_LAYER_GZIP, digest: digestOf("l"), sizeBytes: 2, annotations: { a: "b" } };
const bytes = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const good = () => JSON.parse(new TextDecoder().decode(encodeManifest({ config: CONFIG, layers: [LAYER] })));

describe("parseManifest()", () => {
  test("reads what encodeManifest writes, and keeps the bytes", () => {
    const raw = encodeManifest({
      config: CONFIG,
      layers: [LAYER],
      artifactType: "a/b",
      subject: CONFIG,
      annotations: { z: "1", a: "2" },
    });
    const manifest = parseManifest(raw, OCI_MANIFEST);
    expect(manifest.raw).toBe(raw);
    expect(manifest.digest).toBe(digestOf(raw));
    expect(manifest).toMatchObject({
      config: CONFIG,
      layers: [LAYER],
      artifactType: "a/b",
      subject: CONFIG,
      annotations: { z: "1", a: "2" },
    });
  });

  const bad: readonly (readonly [string, object])[] = [
    ["another mediaType than announced", { mediaType: OCI_INDEX }],
    ["schemaVersion 1", { schemaVersion: 1 }],
    ["manifests beside layers", { manifests: [] }],
    ["no layers", { layers: undefined }],
    ["no config", { config: undefined }],
    ["a negative size", { config: { ...good().config, size: -1 } }],
    ["a fractional size", { config: { ...good().config, size: 1.5 } }],
    ["a size that is text", { config: { ...good().config, size: "1" } }],
    ["a bad digest", { config: { ...good().config, digest: "sha256:xyz" } }],
    ["annotations that are no texts", { annotations: { a: 1 } }],
    ["more than 512 layers", { layers: Array.from({ length: 513 }, () => good().config) }],
  ];
  for (const [name, change] of bad) {
    test(`refuses ${name}`, () =>
      expect(() => parseManifest(bytes({ ...good(), ...change }), OCI_MANIFEST)).toThrowCode("image/bad-manifest"));
  }

  test("names every bad field at once", () => {
    try {
      parseManifest(bytes({ schemaVersion: 3, config: {}, layers: [{}] }), OCI_MANIFEST);
      expect.unreachable();
    } catch (reason) {
      const problems = reason instanceof ImageError ? reason.data["problems"] : [];
      expect(problems).toEqual(
        expect.arrayContaining(["schemaVersion: not 2", "config.digest: missing", "layers[0].size: missing"]),
      );
    }
  });

  test("demands the media type inside Docker manifests", () => {
    expect(() => parseManifest(bytes({ ...good(), mediaType: undefined }), DOCKER_MANIFEST)).toThrowCode(
      "image/bad-manifest",
    );
    expect(parseManifest(bytes({ ...good(), mediaType: undefined }), OCI_MANIFEST).layers).toHaveLength(1);
  });

  test("refuses junk, huge documents and other types", () => {
    expect(() => parseManifest(Buffer.from("<html>"), OCI_MANIFEST)).toThrowCode("image/bad-manifest");
    expect(() => parseManifest(new Uint8Array(4 * 1024 * 1024 + 1), OCI_MANIFEST)).toThrowCode("image/too-large");
    expect(() => parseManifest(bytes(good()), "application/vnd.docker.distribution.manifest.v1+prettyjws")).toThrowCode(
      "image/unsupported-media-type",
    );
  });
});

describe("parseIndex()", () => {
  test("reads what encodeIndex writes", () => {
    const entry = { ...CONFIG, platform: { os: "linux", architecture: "arm64", variant: "v8" } };
    expect(parseIndex(encodeIndex({ manifests: [entry] })).manifests).toEqual([entry]);
  });
  test("refuses an index that is also a manifest", () => {
    expect(() => parseIndex(bytes({ schemaVersion: 2, manifests: [], layers: [] }))).toThrowCode("image/bad-index");
  });
  test("demands the media type inside Docker lists", () => {
    expect(() => parseIndex(bytes({ schemaVersion: 2, manifests: [] }), DOCKER_MANIFEST_LIST)).toThrowCode(
      "image/bad-index",
    );
  });
});

describe("parseConfig()", () => {
  const base = { os: "linux", architecture: "amd64", rootfs: { type: "layers", diff_ids: [] } };

  test("reads what encodeConfig writes", () => {
    const config = parseConfig(
      bytes({
        ...base,
        config: {
          Entrypoint: ["/a"],
          Cmd: null,
          Env: ["A=b="],
          ExposedPorts: { "53/udp": {}, "80": {} },
          WorkingDir: "srv",
          Volumes: { "/v": {} },
        },
      }),
    );
    expect(config).toMatchObject({
      entrypoint: ["/a"],
      cmd: [],
      env: ["A=b="],
      workingDir: "/srv",
      volumes: ["/v"],
      user: "",
    });
    expect(config.exposedPorts).toContainEqual({ port: 53, protocol: "udp" });
    expect(config.exposedPorts).toContainEqual({ port: 80, protocol: "tcp" });
    expect(parseConfig(encodeConfig(config))).toMatchObject({ entrypoint: ["/a"], workingDir: "/srv" });
  });
  for (const [name, config] of [
    ["Env without =", { Env: ["A"] }],
    ["a port 0", { ExposedPorts: { "0/tcp": {} } }],
    ["Cmd as text", { Cmd: "x" }],
  ] as const) {
    test(`refuses ${name}`, () =>
      expect(() => parseConfig(bytes({ ...base, config }))).toThrowCode("image/bad-config"));
  }
  test("refuses a config without rootfs", () =>
    expect(() => parseConfig(bytes({ ...base, rootfs: undefined }))).toThrowCode("image/bad-config"));
});

test("assertLayersMatch() refuses fewer diff_ids than layers", () => {
  const manifest = parseManifest(encodeManifest({ config: CONFIG, layers: [LAYER] }), OCI_MANIFEST);
  const config = parseConfig(bytes({ os: "linux", architecture: "amd64", rootfs: { type: "layers", diff_ids: [] } }));
  expect(() => assertLayersMatch(manifest, config)).toThrowCode("image/bad-config");
});
